// Draws dashboards with Grafana's own panels against a Prometheus server and takes a screenshot of each.
//
//   node render.mjs --prometheus http://127.0.0.1:9090 --out pictures fleet.json target.json
//
// Further options: --hours 1 (length of the time range), --at UNIX_SECONDS (its end; now by default), --theme light,
// --width 1600, --var target=profiles (value of a template variable), --rate-interval 1m.

import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { bundled } from './bundle.mjs';
import { answers } from './prometheus.mjs';
import { withBrowser } from './browser.mjs';
import { values } from './variables.mjs';

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
    out: { type: 'string', default: 'pictures' },
    hours: { type: 'string', default: '1' },
    at: { type: 'string' },
    theme: { type: 'string', default: 'dark' },
    width: { type: 'string', default: '1600' },
    var: { type: 'string', multiple: true, default: [] },
    'rate-interval': { type: 'string', default: '1m' },
  },
});

const to = options.at ? Number(options.at) : Math.floor(Date.now() / 1000);
const time = { from: to - Number(options.hours) * 3600, to };
const chosen = Object.fromEntries(options.var.map((pair) => pair.split('=')));

await mkdir(options.out, { recursive: true });
const script = await bundled();
await withBrowser(script, async (screenshot) => {
  for (const file of files) {
    const dashboard = JSON.parse(await readFile(file, 'utf8'));
    const variables = await values(dashboard, options.prometheus, time, chosen);
    variables.__rate_interval = options['rate-interval'];
    const input = {
      dashboard,
      variables,
      time,
      theme: options.theme,
      width: Number(options.width),
      panels: await answers(dashboard, options.prometheus, time, variables),
    };
    const picture = path.join(options.out, path.basename(file).replace('.json', '.png'));
    await screenshot(input, picture);
    console.log(picture);
  }
});
