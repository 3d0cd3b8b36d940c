"""The blocks that reports are made of: one class in one file each, with its three renderings."""

from dlsweep.report.blocks._ablation import Ablation
from dlsweep.report.blocks._agreement import AgreementTable
from dlsweep.report.blocks._all_runs import AllRuns
from dlsweep.report.blocks._answer import Answer
from dlsweep.report.blocks._autoencoder import AutoencoderPictures
from dlsweep.report.blocks._best_run import BestRun
from dlsweep.report.blocks._block import Block
from dlsweep.report.blocks._comparison import Comparison
from dlsweep.report.blocks._confusion import ConfusionMatrices
from dlsweep.report.blocks._confusion_grid import ConfusionGrid
from dlsweep.report.blocks._curves import Curves
from dlsweep.report.blocks._data_set import DataSet
from dlsweep.report.blocks._effects import Effects
from dlsweep.report.blocks._examples import Examples
from dlsweep.report.blocks._failures import Failures
from dlsweep.report.blocks._front import Front
from dlsweep.report.blocks._heading import Heading
from dlsweep.report.blocks._heat_map import HeatMap
from dlsweep.report.blocks._importance import Importance
from dlsweep.report.blocks._layers import Layers
from dlsweep.report.blocks._lines import Lines
from dlsweep.report.blocks._parallel import ParallelCoordinates
from dlsweep.report.blocks._per_class import PerClass
from dlsweep.report.blocks._published import Claim, Published
from dlsweep.report.blocks._roc import RocCurves
from dlsweep.report.blocks._run_pictures import RunPictures
from dlsweep.report.blocks._scatter import Scatter
from dlsweep.report.blocks._side_by_side import SideBySide
from dlsweep.report.blocks._studies import StudyList
from dlsweep.report.blocks._text import Text
from dlsweep.report.blocks._trend import Trend

BLOCKS: tuple[type[Block], ...] = (
    Ablation,
    AgreementTable,
    AllRuns,
    AutoencoderPictures,
    Answer,
    BestRun,
    Comparison,
    ConfusionGrid,
    ConfusionMatrices,
    Curves,
    DataSet,
    Effects,
    Examples,
    Failures,
    Front,
    Heading,
    HeatMap,
    Importance,
    Layers,
    Lines,
    ParallelCoordinates,
    PerClass,
    Published,
    RocCurves,
    RunPictures,
    Scatter,
    SideBySide,
    StudyList,
    Text,
    Trend,
)
"""All of them; tests/report/test_blocks.py holds each to its contract."""

__all__ = [
    "BLOCKS",
    "Ablation",
    "AgreementTable",
    "AllRuns",
    "Answer",
    "AutoencoderPictures",
    "BestRun",
    "Block",
    "Claim",
    "Comparison",
    "ConfusionGrid",
    "ConfusionMatrices",
    "Curves",
    "DataSet",
    "Effects",
    "Examples",
    "Failures",
    "Front",
    "Heading",
    "HeatMap",
    "Importance",
    "Layers",
    "Lines",
    "ParallelCoordinates",
    "PerClass",
    "Published",
    "RocCurves",
    "RunPictures",
    "Scatter",
    "SideBySide",
    "StudyList",
    "Text",
    "Trend",
]
