/** What a module exports to be run over a finite input, in threads: lambdas cannot be sent, so each thread imports them. */
import { InvalidPlanError } from '../../../core/errors.ts'
import type { Position } from '../../../core/ids.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { Split } from './split.ts'

/** A row of the input and its place in the feed that it once came by, which orders rows of equal time. */
export interface SourceRow {
  readonly row: unknown
  readonly position: Position
}

export type SourceBatches = Iterable<readonly SourceRow[]> | AsyncIterable<readonly SourceRow[]>

/** A finite input, read part by part. */
export interface BoundedSource {
  /** Each row of the split once and no others, in any order; how long a batch is, the source decides. */
  read(split: Split): SourceBatches
}

export interface OpenedProgram {
  readonly source: BoundedSource
  /** Side inputs by name; the same in every thread. */
  readonly context?: Readonly<Record<string, unknown>>
}

export interface BoundedProgram {
  readonly pipeline: Pipeline
  /** Called once in each thread. */
  open(): OpenedProgram | Promise<OpenedProgram>
}

/** @throws InvalidPlanError where a module exports no program by that name */
export function programOf(module: Readonly<Record<string, unknown>>, name: string, of: string): BoundedProgram {
  const found = module[name] as Partial<BoundedProgram> | null | undefined
  if (typeof found === 'object' && found !== null && found.pipeline !== undefined && typeof found.open === 'function') {
    return found as BoundedProgram
  }
  throw new InvalidPlanError(`${of} exports no program '${name}': an object with a pipeline and open()`)
}
