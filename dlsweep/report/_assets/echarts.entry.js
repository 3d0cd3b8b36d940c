// What echarts.min.js is made from; ECHARTS.md says how.

import './echarts.colours.js';
import { use } from 'echarts/core';
import { LineChart, LinesChart, ParallelChart, ScatterChart } from 'echarts/charts';
import { GridComponent, ParallelComponent } from 'echarts/components';
import { CanvasRenderer } from 'echarts/renderers';
use([LineChart, LinesChart, ParallelChart, ScatterChart, GridComponent, ParallelComponent, CanvasRenderer]);

export { graphic, init } from 'echarts/core';
