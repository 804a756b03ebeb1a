/**
 * The books in DuckDB: every epoch and every flush of a collector appends partial counts to `books_recent`; once many
 * have come together they are summed, and those of closed hours move to `books_folded`, which only grows by a row per
 * merchant, hour and outcome. Sums over both are right at any moment, whatever was folded.
 */
import { StaleEpochError } from '../../../core/errors.ts'
import { hourMs } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import type { Books, ControlStore } from '../../../core/ports/control-store.ts'
import type { BooksEntry, Outcome } from '../../core/control/epoch-rows.ts'
import { checkAcceptedRange } from '../../core/control/rules.ts'
import { currentPositions } from './control-store-positions.ts'
import type { Session } from './control-store-session.ts'

/** Partial rows after which the recent books are folded; more where the last fold left more than half of it. */
export const defaultFoldBooksAt = 50_000

/** Hours before the newest one that stay in the recent books: their counts still come. */
const openHours = 1

type BooksPort = Pick<ControlStore, 'addAccepted' | 'acceptedThrough' | 'books'>

export interface BooksLedger extends BooksPort {
  /** Inside a write: appends, and folds when it is time. */
  append(entries: readonly BooksEntry[]): Promise<void>
}

export async function booksLedger(writer: Session, reader: Session, foldAt = defaultFoldBooksAt): Promise<BooksLedger> {
  const [counted] = await reader.read(() => reader.rows('SELECT count(*) FROM books_recent'))
  let size = { rows: Number(counted?.[0]), foldAt }

  /** Inside a write. Returns the rows left. */
  async function fold(): Promise<number> {
    const [newest] = await writer.rows('SELECT max(hour) FROM books_recent')
    const openFrom = Number(newest?.[0]) - openHours * hourMs
    await writer.run(
      `CREATE OR REPLACE TEMP TABLE folded AS
       SELECT merchant, hour, outcome, rule, CAST(sum(hits) AS BIGINT) AS hits FROM books_recent GROUP BY ALL`,
    )
    await writer.run('DELETE FROM books_recent')
    await writer.run('INSERT INTO books_folded FROM folded WHERE hour < $1 ORDER BY hour, merchant', [openFrom])
    const left = await writer.run('INSERT INTO books_recent FROM folded WHERE hour >= $1', [openFrom])
    await writer.run('DROP TABLE folded')
    return left
  }

  async function append(entries: readonly BooksEntry[]): Promise<void> {
    await writer.append('books_recent', [
      { text: entries.map((entry) => entry.merchant) },
      { whole: entries.map((entry) => entry.hour) },
      { text: entries.map((entry) => entry.outcome) },
      { text: entries.map((entry) => entry.rule) },
      { whole: entries.map((entry) => entry.hits) },
    ])
    let after = { ...size, rows: size.rows + entries.length }
    if (after.rows > size.foldAt) {
      const left = await fold()
      after = { rows: left, foldAt: Math.max(foldAt, 2 * left) }
    }
    writer.afterCommit(() => {
      size = after
    })
  }

  return {
    append,

    async addAccepted(log, from, through, counts) {
      checkAcceptedRange(log, from, through)
      await writer.write(async () => {
        const [known] = await writer.rows('SELECT through FROM accepted_logs WHERE log = $1', [log])
        const at = Number(known?.[0] ?? 0)
        if (at !== from) throw new StaleEpochError(`accepted hits of log ${log} are counted to ${at}, not ${from}`)
        await writer.run(
          known === undefined
            ? 'INSERT INTO accepted_logs VALUES ($1, $2)'
            : 'UPDATE accepted_logs SET through = $2 WHERE log = $1',
          [log, through],
        )
        await append(counts.map((count) => ({ ...count, outcome: 'accepted', rule: '' })))
      })
    },

    async acceptedThrough(log) {
      const [row] = await reader.read(() => reader.rows('SELECT through FROM accepted_logs WHERE log = $1', [log]))
      return Number(row?.[0] ?? 0) as Offset
    },

    async books({ merchant, from, to }) {
      const where = `hour >= $1 AND hour < $2${merchant === undefined ? '' : ' AND merchant = $3'}`
      return reader.read(async () => {
        const rows = await reader.rows(
          `SELECT outcome, rule, CAST(sum(hits) AS BIGINT) FROM (
             SELECT outcome, rule, hits FROM books_folded WHERE ${where}
             UNION ALL SELECT outcome, rule, hits FROM books_recent WHERE ${where}
           ) GROUP BY outcome, rule`,
          merchant === undefined ? [from, to] : [from, to, merchant],
        )
        const sums = { accepted: 0, stored: 0, duplicates: 0, failed: 0 }
        const dropped: Record<string, number> = {}
        for (const [outcome, rule, hits] of rows) {
          if (outcome === 'dropped') dropped[rule as string] = Number(hits)
          else sums[outcome as Exclude<Outcome, 'dropped'>] = Number(hits)
        }
        const logs = await reader.rows('SELECT log, through FROM accepted_logs ORDER BY log')
        return {
          ...sums,
          dropped,
          acceptedThrough: Object.fromEntries(logs.map(([log, through]) => [log, Number(through) as Offset])),
          positions: await currentPositions(reader),
        } satisfies Books
      })
    },
  }
}
