// ECharts gives brushes that a program sets an opaque grey that cannot be chosen; here it is chosen.
// Imported first, before the brush reads it.

import tokens from 'echarts/lib/visual/tokens.js';

tokens.color.borderTint = 'rgba(224, 96, 28, 0.25)';
tokens.color.backgroundTint = 'rgba(224, 96, 28, 0.9)';
