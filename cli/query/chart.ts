/** Numbers along time as a bar chart of block characters, a few lines high. */

export interface ChartPoint {
  readonly label: string
  readonly value: number
}

const height = 6
const blocks = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** Points that do not fit the width share a column, which shows their mean. Negative values show as nothing. */
export function chartLines(
  points: readonly ChartPoint[],
  options: { readonly title: string; readonly width: number },
): string[] {
  const most = Math.max(...points.map(({ value }) => value), 0)
  const top = `${options.title}, up to ${most.toLocaleString('en')}`
  const columns = inColumns(points, Math.max(10, Math.min(options.width - 1, 120)))
  const repeat = Math.max(1, Math.min(3, Math.floor(Math.min(options.width - 1, 120) / columns.length)))
  const rows = Array.from({ length: height }, (_, fromTop) => {
    const floor = height - 1 - fromTop
    return columns
      .map((value) => {
        const eighths = most === 0 ? 0 : Math.round((Math.max(0, value) / most) * height * 8) - floor * 8
        return (blocks[Math.max(0, Math.min(8, eighths))] as string).repeat(repeat)
      })
      .join('')
      .trimEnd()
  })
  const [first, last] = [shortLabel(points[0]?.label ?? ''), shortLabel(points.at(-1)?.label ?? '')]
  const span = columns.length * repeat
  return [top, ...rows, `${first}${' '.repeat(Math.max(1, span - first.length - last.length))}${last}`]
}

function inColumns(points: readonly ChartPoint[], most: number): number[] {
  const each = Math.ceil(points.length / most)
  const columns: number[] = []
  for (let at = 0; at < points.length; at += each) {
    const share = points.slice(at, at + each)
    columns.push(share.reduce((sum, { value }) => sum + value, 0) / share.length)
  }
  return columns
}

const shortLabel = (label: string) => label.replace(/T00:00:00.*$/, '').replace(/:00(\.\d+)?([+-].*|Z)?$/, '')
