/**
 * Whether the control store knows of a collector's log. Gateways say how fresh answers are by what collectors have reported,
 * so one that nobody knows of must not take hits: should it die before its first report, answers would pass them over. And
 * hits it takes then must not be received before what the others had reported by then, whatever its clock says. What was told
 * is kept beside the log, so that a restart needs no store.
 */
import { LogUnavailableError } from '../../core/errors.ts'
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { KeptFile } from './kept-file.ts'
import { readLogNote, writeLogNote } from './log-note.ts'

/** A start waits so long for the first report; then it goes on, and hits are refused until the store has it. */
export const firstReportWaitMs = 5_000

export interface KnownCollector {
  readonly isKnown: boolean
  /** Ms since 1970: as of when it became known, no answer said to be fresher. */
  readonly notBefore: number
  /** Resolves once it is known, or after `firstReportWaitMs`. */
  wait(timers: Timers): Promise<void>
  /** The store has a report that it is live. Fails where the others' reports cannot be read or kept: to be called again. */
  told(): Promise<void>
  /** Before it retires: once it did, the next start is known to nobody. Resolves when that is kept. */
  forget(): Promise<void>
}

/** @throws as the file does. What cannot be read as a note of this log counts as nothing kept. */
export async function openKnownCollector(options: {
  readonly file: KeptFile
  readonly log: string
  readonly store: Pick<ClusterStore, 'collectors'>
}): Promise<KnownCollector> {
  const { file, log, store } = options
  const kept = await readLogNote(file, log, 'notBefore')
  let isKept = kept !== undefined
  let isKnown = isKept
  let notBefore = kept ?? 0
  let answer = () => {}
  const known = new Promise<void>((resolve) => {
    answer = resolve
  })
  return {
    get isKnown() {
      return isKnown
    },
    get notBefore() {
      return notBefore
    },
    async wait(timers) {
      if (isKnown) return
      let cancel = () => {}
      const late = new Promise<void>((resolve) => {
        cancel = timers.after(firstReportWaitMs, resolve)
      })
      await Promise.race([known, late])
      cancel()
    },
    async told() {
      if (!isKnown) {
        // Read after its own report is there: who reads without that one has none of these later than now.
        for (const { visibleThrough } of await store.collectors()) notBefore = Math.max(notBefore, visibleThrough)
        isKnown = true
        answer()
      }
      if (isKept) return
      await writeLogNote(file, log, 'notBefore', notBefore)
      isKept = true
    },
    async forget() {
      if (!isKept) return
      await file.replace(Buffer.from('{}\n'))
      isKept = false
    },
  }
}

/** The log as a collector may write it: nothing before it is known. */
export function onceKnown(
  log: Pick<HitLog, 'append'>,
  collector: Pick<KnownCollector, 'isKnown'>,
): Pick<HitLog, 'append'> {
  return {
    append: (record) =>
      collector.isKnown ? log.append(record) : Promise.reject(new LogUnavailableError('unannounced')),
  }
}

/** The clock by which a collector receives. */
export function clockOnceKnown(
  clock: Pick<Clock, 'now'>,
  collector: Pick<KnownCollector, 'notBefore'>,
): Pick<Clock, 'now'> {
  return { now: () => Math.max(clock.now(), collector.notBefore) }
}
