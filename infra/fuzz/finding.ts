/** What went wrong with an input, and whether two inputs show the same. */
export interface Finding {
  readonly target: string
  /** Which of the run's inputs, from 0 on. */
  readonly number: number
  /** Equal for what looks like the same bug. */
  readonly signature: string
  readonly message: string
  readonly input: Buffer
}

/** Name, message without what the input put into it, and the place of ours that threw. */
export function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${typeof error}`
  const said = error.message
    .slice(0, 300)
    .replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '"…"')
    .replace(/-?\d[\d.e+-]*/g, '0')
    .slice(0, 80)
  return `${error.name}: ${said} ${placeOf(error)}`
}

function placeOf(error: Error): string {
  const ours = (error.stack ?? '')
    .split('\n')
    .find((line) => /\.(ts|js):\d+/.test(line) && !/node_modules|node:|infra\/fuzz\/target/.test(line))
  return /([\w.-]+\.(?:ts|js)):\d+/.exec(ours ?? '')?.[1] ?? ''
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`).slice(0, 2_000) : String(error)
}
