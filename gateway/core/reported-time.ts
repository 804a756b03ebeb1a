/**
 * The latest time up to which a collector has said that all its hits are visible, kept beside its log. Gateways go by what
 * they were told: hits that it takes after a restart with its clock set back must not get times before it, and where the
 * log is empty, or nobody sent anything for long, the log knows no time that late.
 */
import type { ReceivedTime } from '../../core/event-time.ts'
import type { KeptFile } from './kept-file.ts'
import { readLogNote, writeLogNote } from './log-note.ts'

export interface ReportedTime {
  /** Ms since 1970; 0 where nothing was kept of this log. */
  readonly through: ReceivedTime
  /** Resolves when it is durable: only then may others be told. A time that is not later changes nothing. */
  keep(through: number): Promise<void>
}

/** @throws as the file does. What cannot be read as a time of this log counts as nothing kept. */
export async function openReportedTime(file: KeptFile, log: string): Promise<ReportedTime> {
  let through = (await readLogNote(file, log, 'through')) ?? 0
  return {
    get through() {
      return through as ReceivedTime
    },
    async keep(later) {
      if (later <= through) return
      await writeLogNote(file, log, 'through', later)
      through = later
    },
  }
}
