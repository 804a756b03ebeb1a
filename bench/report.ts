/** How a program that measures tells what it found to whoever started it: its last line of output is JSON. */
import type { Figure } from './record.ts'

export interface Report {
  readonly figures: readonly Figure[]
  /** What is worth knowing of this run: versions of others, sizes, what was left out. */
  readonly remarks?: readonly string[]
}

/** Prints the figures, a line each, and then all of it as one line of JSON. To be called once, last. */
export function report(found: Report): void {
  for (const { name, value, unit, note } of found.figures) {
    console.log(`  ${name}: ${value} ${unit}${note === undefined ? '' : ` (${note})`}`)
  }
  console.log(JSON.stringify(found))
}

/** The report at the end of a program's output; null where its last line is none. */
export function reportAtEnd(output: string): Report | null {
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  if (!last.startsWith('{"figures":')) return null
  try {
    return JSON.parse(last) as Report
  } catch {
    return null
  }
}
