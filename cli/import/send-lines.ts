/** Brings the lines of something that has a fixed content to the server, each once; goes on where an earlier run ended. */
import { CommandError } from '../../core/errors.ts'
import { importMaxLines } from '../../gateway/core/imports.ts'
import { type Api, problemText } from '../client/api.ts'

export interface ImportLine {
  /** From 0, rising. */
  readonly line: number
  readonly address: string | null
  readonly hit: object
}

/** Lines [from, to) of the content, those left out that hold no hit. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly lines: readonly ImportLine[]
}

export interface SentLines {
  readonly accepted: number
  readonly rejected: readonly { readonly line: number; readonly code: string; readonly message: string }[]
}

export interface LinesTarget {
  readonly api: Api
  readonly merchant: string
  /** SHA-256 of the content, hex. */
  readonly file: string
}

/** Lines that are done: those of earlier runs. */
export async function linesDone({ api, merchant, file }: LinesTarget): Promise<number> {
  const reply = await api.get(`/v1/admin/imports/${merchant}/${file}`)
  if (reply.status !== 200) throw new CommandError(problemText(reply))
  return (reply.body as { readonly done: number }).done
}

/**
 * Sends stretches in order, the first beginning at what is done. Each is at most `importMaxLines` lines.
 * @throws CommandError where the server refuses, or somebody else imports the same content meanwhile
 */
export async function sendLines(
  target: LinesTarget,
  stretches: AsyncIterable<Stretch> | Iterable<Stretch>,
  onSent: (done: number) => void,
): Promise<SentLines> {
  const { api, merchant, file } = target
  let accepted = 0
  const rejected: SentLines['rejected'][number][] = []
  for await (const stretch of stretches) {
    // A repeat of what was stored is either out of order or dropped by its ids.
    const reply = await api.post(`/v1/admin/imports/${merchant}/${file}`, stretch, 'repeatable')
    if (reply.status === 409 && doneOf(reply.body) === stretch.to) accepted += stretch.lines.length
    else if (reply.status !== 200) throw new CommandError(problemText(reply))
    else {
      const stored = reply.body as SentLines
      accepted += stored.accepted
      rejected.push(...stored.rejected)
    }
    onSent(stretch.to)
  }
  return { accepted, rejected }
}

// The request was done and its answer lost.
function doneOf(body: unknown): number | undefined {
  return (body as { readonly done?: number } | null)?.done
}

/** Cuts lines that begin at `from` and end before `to` into stretches. */
export function* inStretches(lines: Iterable<ImportLine>, from: number, to: number): Generator<Stretch> {
  let start = from
  let held: ImportLine[] = []
  for (const line of lines) {
    if (line.line < from || line.line >= to) continue
    held.push(line)
    if (held.length === importMaxLines) {
      yield { from: start, to: line.line + 1, lines: held }
      start = line.line + 1
      held = []
    }
  }
  if (start < to) yield { from: start, to, lines: held }
}
