/** Rows as aligned text: the first columns to the left, numbers to the right, long texts cut so that lines fit. */

export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly textColumns: number; readonly width: number },
): string[] {
  const { textColumns, width } = options
  const clean = rows.map((row) => row.map(visible))
  const widths = header.map((name, i) => Math.max(length(name), ...clean.map((row) => length(row[i] ?? ''))))
  const gaps = 2 * (header.length - 1)
  const numbers = widths.slice(textColumns).reduce((sum, each) => sum + each, 0)
  const room = Math.max(8, Math.floor((width - gaps - numbers) / Math.max(1, textColumns)))
  const fitted = widths.map((each, i) => (i < textColumns ? Math.min(each, room) : each))
  const line = (cells: readonly string[]) =>
    cells
      .map((text, i) =>
        i < textColumns ? padEnd(cut(text, fitted[i] ?? 0), fitted[i] ?? 0) : text.padStart(fitted[i] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [line(header), fitted.map((each) => '─'.repeat(each)).join('  '), ...clean.map(line)]
}

/** Merchants' texts may hold anything; a terminal would obey some of it. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')
}

const length = (text: string) => [...text].length

function cut(text: string, most: number): string {
  const letters = [...text]
  return letters.length <= most ? text : `${letters.slice(0, Math.max(1, most - 1)).join('')}…`
}

function padEnd(text: string, to: number): string {
  return text + ' '.repeat(Math.max(0, to - length(text)))
}
