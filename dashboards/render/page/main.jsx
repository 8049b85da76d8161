// The page: a dashboard on its grid.

import { createRoot } from 'react-dom/client';
import { createTheme, EventBusSrv, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome, PanelContextProvider } from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';

import { StatPanel, TablePanel, TimeSeriesPanel } from './panels.jsx';

// Where the icons are served from.
window.__grafana_public_path__ = '/public/';

const { dashboard, variables, time, panels } = window.input;
const theme = createTheme({ colors: { mode: window.input.theme } });

// Of Grafana's grid: 24 columns, rows of 30 pixels, 8 pixels between panels.
const COLUMNS = 24;
const ROW_HEIGHT = 30;
const GAP = 8;
const HEAD_HEIGHT = 72;
const WIDTH = window.input.width - 2 * GAP;

const KINDS = { timeseries: TimeSeriesPanel, stat: StatPanel, table: TablePanel };

function place({ x, y, w, h }) {
  const column = (WIDTH + GAP) / COLUMNS;
  return {
    left: GAP + x * column,
    top: HEAD_HEIGHT + y * (ROW_HEIGHT + GAP),
    width: w * column - GAP,
    height: h * (ROW_HEIGHT + GAP) - GAP,
  };
}

function Panel({ panel }) {
  const { left, top, width, height } = place(panel.gridPos);
  const style = { position: 'absolute', left, top, width, height };
  if (panel.type === 'row') return <h4 style={{ ...style, margin: 0, lineHeight: `${height}px` }}>⌄ {panel.title}</h4>;
  const Kind = KINDS[panel.type];
  const queries = panels[panel.id];
  const error = queries.map((query) => query.error).find(Boolean);
  return (
    <div style={style}>
      <PanelChrome width={width} height={height} title={panel.title} description={panel.description} statusMessage={error}>
        {(innerWidth, innerHeight) => (
          <Kind panel={panel} queries={queries} time={time} theme={theme} width={innerWidth} height={innerHeight} />
        )}
      </PanelChrome>
    </div>
  );
}

function Board() {
  const bottoms = dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h);
  const height = HEAD_HEIGHT + Math.max(...bottoms) * (ROW_HEIGHT + GAP) + GAP;
  const chosen = dashboard.templating.list.filter((one) => one.type === 'query');
  const shown = chosen.map((one) => `${one.label}: ${variables[one.name] === one.allValue ? 'All' : variables[one.name]}`);
  return (
    <div id="board" style={{ position: 'relative', height, background: theme.colors.background.canvas }}>
      <div style={{ padding: GAP }}>
        <h3 style={{ margin: 0 }}>{dashboard.title}</h3>
        {[...shown, ...dashboard.links.map((link) => `→ ${link.title}`)].join('   |   ')}
      </div>
      {dashboard.panels.map((panel) => (
        <Panel key={panel.id} panel={panel} />
      ))}
    </div>
  );
}

const context = { eventsScope: 'render', eventBus: new EventBusSrv() };
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PanelContextProvider value={context}>
      <Board />
    </PanelContextProvider>
  </ThemeContext.Provider>,
);
setTimeout(() => {
  window.isDrawn = true;
}, 1_500);
