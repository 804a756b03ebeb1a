/**
 * What an emission keeps of itself, so that the same command goes on where it was stopped: what was asked, the snapshots and
 * the generation map that were fixed when it began, and how far it came.
 */
import { EmitRefusedError } from '../../../core/errors.ts'
import type { GenerationMap } from '../../../core/generations.ts'
import type { AcceptedRows } from '../../../core/ports/rerun-work.ts'
import type { HistoryKey } from './order.ts'

/** As the command says it; the same again goes on, another is refused. */
export interface EmitRequest {
  /** Of `hits`, or `latest`. */
  readonly snapshot: string
  /** [from, to), ms; null: without end. */
  readonly from: number | null
  readonly to: number | null
  /** null: of all. */
  readonly merchant: string | null
}

export interface EmitMark {
  /** The last that is done; null: nothing is. */
  readonly after: HistoryKey | null
  /** Done so far, and left out because nobody can decode them. */
  readonly hits: number
  readonly undecodable: number
  /** How far the output is: bytes of a file; 0 for a topic. */
  readonly place: number
}

export interface EmitProgress {
  readonly version: 1
  readonly emission: string
  /** `kafka:<topic>` or the file's name. */
  readonly output: string
  readonly request: EmitRequest
  readonly rows: readonly AcceptedRows[]
  readonly answers: GenerationMap
  /** The incarnation of the topic; null: a file, or it was not reached yet. */
  readonly topic: string | null
  readonly state: 'going' | 'done'
  readonly mark: EmitMark
}

export const firstMark: EmitMark = { after: null, hits: 0, undecodable: 0, place: 0 }

/** Where progress is kept: whoever reads finds the old bytes or the new ones, whole. */
export interface ProgressFile {
  read(): Promise<Buffer | undefined>
  replace(bytes: Uint8Array): Promise<void>
}

/** undefined where nothing was begun. @throws EmitRefusedError where it is of another request, or is no progress */
export async function readProgress(
  file: ProgressFile,
  { output, request }: Pick<EmitProgress, 'output' | 'request'>,
): Promise<EmitProgress | undefined> {
  const bytes = await file.read()
  if (bytes === undefined) return undefined
  const progress = parsed(bytes, output)
  const asked = (of: EmitRequest) => JSON.stringify([of.snapshot, of.from, of.to, of.merchant])
  if (asked(progress.request) !== asked(request) || progress.output !== output) {
    throw new EmitRefusedError(
      output,
      `an emission was begun there that asked for something else (${asked(progress.request)}: snapshot, from, to, merchant); go on with that one, or take another output`,
    )
  }
  return progress
}

export async function saveProgress(file: ProgressFile, progress: EmitProgress): Promise<void> {
  await file.replace(Buffer.from(`${JSON.stringify(progress)}\n`))
}

function parsed(bytes: Buffer, output: string): EmitProgress {
  let found: Partial<EmitProgress> | null
  try {
    found = JSON.parse(bytes.toString('utf8')) as Partial<EmitProgress> | null
  } catch {
    found = null
  }
  if (found?.version !== 1 || found.mark === undefined || found.rows === undefined || found.request === undefined) {
    throw new EmitRefusedError(output, 'its progress cannot be read; take another output, or remove both')
  }
  return found as EmitProgress
}

/**
 * What there is of the emission, or what it begins with, recorded before anything is emitted. `claim` throws where the
 * output is another's; `begin` fixes snapshots.
 */
export async function progressOf(
  file: ProgressFile,
  asked: Pick<EmitProgress, 'output' | 'request'>,
  { claim, begin }: { readonly claim: () => Promise<void>; readonly begin: () => Promise<EmitProgress> },
): Promise<EmitProgress> {
  const known = await readProgress(file, asked)
  if (known !== undefined) return known
  await claim()
  const begun = await begin()
  await saveProgress(file, begun)
  return begun
}
