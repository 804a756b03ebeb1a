/** What the two threads of the embedded process say to each other. Both sides are stand-ins over `core/adapters/thread`. */

import type { EmbeddedConfig } from '../../core/config/embedded.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { Erasure } from '../../core/ports/erasure-store.ts'
import type { RerunState } from '../../core/ports/rerun-store.ts'
import type { TableName } from '../../core/tables.ts'

/** What the HTTP thread asks of the backend, beside its control store, engine and lake. */
export interface BackendCalls {
  /** Opens control store, lake and engine: from here on the data folder is ours. @throws StartError */
  open(config: EmbeddedConfig, dataDir: string): Promise<void>
  /** Starts publisher and job over the log `id`, durable up to `durable`. */
  startJob(id: string, durable: Offset): Promise<void>
  /** The log is durable up to here. */
  durable(offset: Offset): Promise<void>
  /** Processes and commits all that is durable, and publishes it. The control store still answers afterwards. */
  drain(): Promise<void>
  close(): Promise<void>
}

export interface CommittedEpoch {
  readonly positions: readonly JobPosition[]
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  readonly dropped: number
  readonly tookMs: number
  readonly stateBytes: number
}

export type Maintained =
  | { readonly did: 'derived'; readonly table: TableName; readonly rows: number }
  | { readonly did: 'rewritten'; readonly table: TableName }
  /** An erasure went on to another state. */
  | { readonly did: 'erased'; readonly id: number; readonly state: Erasure['state'] }
  /** Rows of erasures or of retention went out of a partition. */
  | { readonly did: 'took out'; readonly table: TableName; readonly rows: number }
  | { readonly did: 'round' }
  | { readonly did: 'nothing'; readonly message: string }

/** What the backend tells the HTTP thread. */
export interface HostCalls {
  committed(epoch: CommittedEpoch): void
  published(table: TableName, rows: number): void
  /** What maintenance did; `round`: it went through all there is to do. */
  maintained(did: Maintained): void
  /** What is to be known of the plan that the job runs by, in a sentence. */
  planned(says: string): void
  /** A part cannot do its work now (`reason`) or can again (null). */
  part(part: 'worker' | 'lake', reason: string | null): void
  /** The job's epoch was thrown away and begins again; nothing is lost. */
  retried(what: 'epoch' | 'publication' | 'rerun', message: string): void
  /** A rerun went on to another state, or has something to say. */
  rerun(of: { readonly id: number; readonly state: RerunState; readonly note: string | null }): void
}
