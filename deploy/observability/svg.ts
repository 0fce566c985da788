/**
 * What every picture of ours shares: the page, its letters, and text that cannot become markup. Readable on light and dark
 * pages. Pure.
 */

/** A whole picture. `style` adds to the page's own, `dark` holds where the reader's page is dark. */
export interface Page {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly style: string;
  readonly dark: string;
  readonly body: readonly string[];
}

/** The page with its title in the corner and everything of `body` on it. */
export function page({ width, height, title, style, dark, body }: Page): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>
  .page { fill: #ffffff; stroke: #d0d7de; }
  .title { font: 600 14px sans-serif; fill: #1f2328; }
  .name { font: 12px sans-serif; fill: #1f2328; }
  .note, .quiet { font: 11px sans-serif; fill: #59636e; }
  .tick { stroke: #818b98; stroke-opacity: 0.3; }
${style}
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d; } .title, .name { fill: #f0f6fc; } .note, .quiet { fill: #9198a1; }
${dark}
  }
</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="6"/>`,
    `<text class="title" x="14" y="24">${escaped(title)}</text>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

/** For attributes and between tags. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A tenth of a pixel is enough. */
export function round(value: number): number {
  return Number(value.toFixed(1));
}
