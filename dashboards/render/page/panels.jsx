// Grafana's panels, by the type of a panel in the dashboard.

import { dateTime, FieldType, standardTransformers, standardTransformersRegistry, transformDataFrame } from '@grafana/data';
import { BigValue, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useEffect, useState } from 'react';

import { configured, seriesFrames, tableFrames } from './frames.js';

// The transformations that the generator uses.
const TRANSFORMERS = [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer];
standardTransformersRegistry.setInit(() =>
  TRANSFORMERS.map((one) => ({ id: one.id, name: one.name, transformation: async () => one })),
);

/** The text in the place of a panel without data, as in Grafana. */
function Empty({ panel }) {
  const style = { display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center', opacity: 0.6 };
  return <div style={style}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

export function TimeSeriesPanel({ panel, queries, time, theme, width, height }) {
  const frames = seriesFrames(panel, queries, theme);
  if (frames.length === 0) return <Empty panel={panel} />;
  const [from, to] = [dateTime(time.from * 1000), dateTime(time.to * 1000)];
  const timeRange = { from, to, raw: { from, to } };
  return (
    <TimeSeries
      frames={frames}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
    />
  );
}

export function StatPanel({ panel, queries, theme, width, height }) {
  const field = seriesFrames(panel, queries, theme)[0]?.fields[1];
  const { noValue } = panel.fieldConfig.defaults;
  const value = field ? field.display(field.values.at(-1)) : { text: noValue ?? 'No data', numeric: NaN, color: 'gray' };
  const { colorMode, graphMode, justifyMode, textMode } = panel.options;
  return (
    <BigValue
      value={value}
      colorMode={colorMode}
      graphMode={graphMode}
      justifyMode={justifyMode}
      textMode={textMode}
      theme={theme}
      width={width}
      height={height}
    />
  );
}

export function TablePanel({ panel, queries, theme, width, height }) {
  const [frame, setFrame] = useState();
  useEffect(() => {
    const transformed = transformDataFrame(panel.transformations, tableFrames(queries));
    const subscription = transformed.subscribe((frames) => setFrame(configured(panel, frames, theme)[0]));
    return () => subscription.unsubscribe();
  }, []);
  if (!frame?.length) return <Empty panel={panel} />;
  const hasNumbers = frame.fields.some((field) => field.type === FieldType.number);
  return hasNumbers && <TableNG data={frame} width={width} height={height} initialSortBy={panel.options?.sortBy} />;
}
