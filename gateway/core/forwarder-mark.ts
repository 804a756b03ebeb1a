/**
 * How far the log was forwarded, kept beside it for the next start (`forwarded.json`). Losing it costs that all the log
 * still holds is sent again, and dropped again; believing one that does not belong to this log and feed would cost hits.
 */
import type { KeptFile } from './kept-file.ts'

export interface ForwardMark {
  readonly log: string
  /** The feed's incarnation. */
  readonly source: string
  /** Everything before is acknowledged. */
  readonly acked: number
  /** The last place before `acked` that went to each partition, -1 where none did. */
  readonly last: readonly number[]
}

/** The mark in the file; undefined where it is not there or says nothing that can be meant. */
export async function readMark(file: KeptFile): Promise<ForwardMark | undefined> {
  const bytes = await file.read()
  if (bytes === undefined) return undefined
  let mark: Partial<Record<keyof ForwardMark, unknown>>
  try {
    mark = JSON.parse(bytes.toString('utf8')) as typeof mark
  } catch {
    return undefined
  }
  if (typeof mark !== 'object' || mark === null) return undefined
  const { log, source, acked, last } = mark
  if (typeof log !== 'string' || typeof source !== 'string' || !isPlace(acked) || acked < 0) return undefined
  if (!Array.isArray(last) || !last.every((place) => isPlace(place) && place >= -1 && place < acked)) return undefined
  return { log, source, acked, last: last as number[] }
}

export function writeMark(file: KeptFile, mark: ForwardMark): Promise<void> {
  return file.replace(Buffer.from(`${JSON.stringify(mark)}\n`))
}

const isPlace = (value: unknown): value is number => Number.isSafeInteger(value)
