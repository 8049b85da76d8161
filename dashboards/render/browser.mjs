// A headless Chromium that draws a page from a server on the loopback interface.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import puppeteer from 'puppeteer-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const DEADLINE_MS = 60_000;
const ICONS = path.join(fileURLToPath(new URL('.', import.meta.url)), 'node_modules/@grafana/ui/dist');

/** Calls `use` with a function that draws an input and writes the picture. */
export async function withBrowser(bundle, use) {
  let input = {};
  const server = createServer(async (request, response) => {
    const body = await served(request.url, bundle, () => input);
    response.writeHead(body ? 200 : 404, { 'content-type': contentType(request.url) });
    response.end(body ?? '');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    await use(async (next, picture) => {
      input = next;
      await screenshot(browser, `http://127.0.0.1:${server.address().port}/`, next.width, picture);
    });
  } finally {
    await browser.close();
    server.close();
  }
}

async function screenshot(browser, url, width, picture) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(`page: ${error.message}`));
  await page.setViewport({ width, height: 900 });
  await page.goto(url);
  await page.waitForFunction(() => window.isDrawn === true, { timeout: DEADLINE_MS });
  const board = await page.$('#board');
  const { height } = (await board?.boundingBox()) ?? { height: 0 };
  if (!height) throw new Error('nothing was drawn');
  // Panels outside the window may not be drawn.
  await page.setViewport({ width, height: Math.ceil(height) });
  await new Promise((drawn) => setTimeout(drawn, 500));
  await page.screenshot({ path: picture });
  await page.close();
}

async function served(url, bundle, input) {
  if (url === '/') return page(bundle.style);
  if (url === '/main.js') return bundle.script;
  if (url === '/input.js') return `window.input = ${JSON.stringify(input())};`;
  if (!/^\/public\/[\w/-]+\.svg$/.test(url)) return undefined;
  return readFile(path.join(ICONS, url)).catch(() => undefined);
}

function contentType(url) {
  if (url.endsWith('.js')) return 'text/javascript';
  return url.endsWith('.svg') ? 'image/svg+xml' : 'text/html; charset=utf-8';
}

function page(style) {
  const scripts = '<script src="/input.js"></script><script src="/main.js"></script>';
  return `<!doctype html><meta charset="utf-8"><style>body { margin: 0 } ${style}</style><div id="root"></div>${scripts}`;
}
