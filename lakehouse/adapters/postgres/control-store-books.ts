/**
 * The books in PostgreSQL: every epoch and every flush of a collector appends partial counts to `books_recent`; a chore
 * moves them into the sums of `books_folded`. Sums over both are right at any moment, whatever was folded.
 */
import { StaleEpochError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { Books, ControlStore } from '../../../core/ports/control-store.ts'
import type { BooksEntry, Outcome } from '../../core/control/epoch-rows.ts'
import { checkAcceptedRange } from '../../core/control/rules.ts'
import type { Chores } from './control-store-chores.ts'
import { currentPositions } from './control-store-positions.ts'
import type { Database, Sql } from './database.ts'

type BooksPort = Pick<ControlStore, 'addAccepted' | 'acceptedThrough' | 'books'>

export function booksLedger(database: Database, chores: Chores): BooksPort {
  return {
    async addAccepted(log, from, through, counts) {
      checkAcceptedRange(log, from, through)
      await database.write(async (sql) => {
        await sql.run('INSERT INTO accepted_logs VALUES ($1, 0) ON CONFLICT DO NOTHING', [log])
        const [row] = await sql.rows<{ through: number }>(
          'SELECT through FROM accepted_logs WHERE log = $1 FOR UPDATE',
          [log],
        )
        const at = row?.through ?? 0
        if (at !== from) throw new StaleEpochError(`accepted hits of log ${log} are counted to ${at}, not ${from}`)
        await sql.run('UPDATE accepted_logs SET through = $2 WHERE log = $1', [log, through])
        await appendBooks(
          sql,
          counts.map((count) => ({ ...count, outcome: 'accepted', rule: '' })),
        )
      })
      chores.due(counts.length)
    },

    async acceptedThrough(log) {
      const [row] = await database.ask<{ through: Offset }>('SELECT through FROM accepted_logs WHERE log = $1', [log])
      return row?.through ?? (0 as Offset)
    },

    async books({ merchant, from, to }) {
      const where = `hour >= $1 AND hour < $2${merchant === undefined ? '' : ' AND merchant = $3'}`
      return database.read(async (sql) => {
        const rows = await sql.rows<{ outcome: Outcome; rule: string; hits: number }>(
          `SELECT outcome, rule, sum(hits)::int8 AS hits FROM (
             SELECT outcome, rule, hits FROM books_folded WHERE ${where}
             UNION ALL SELECT outcome, rule, hits FROM books_recent WHERE ${where}
           ) AS both_parts GROUP BY outcome, rule`,
          merchant === undefined ? [from, to] : [from, to, merchant],
        )
        const sums = { accepted: 0, stored: 0, duplicates: 0, failed: 0 }
        const dropped: Record<string, number> = {}
        for (const { outcome, rule, hits } of rows) {
          if (outcome === 'dropped') dropped[rule] = hits
          else sums[outcome] = hits
        }
        const logs = await sql.rows<{ log: string; through: Offset }>('SELECT log, through FROM accepted_logs')
        return {
          ...sums,
          dropped,
          acceptedThrough: Object.fromEntries(logs.map(({ log, through }) => [log, through])),
          positions: await currentPositions(sql),
        } satisfies Books
      })
    },
  }
}

export async function appendBooks(sql: Sql, entries: readonly BooksEntry[]): Promise<void> {
  if (entries.length === 0) return
  await sql.run(
    'INSERT INTO books_recent SELECT * FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[], $5::int8[])',
    [
      entries.map(({ merchant }) => merchant),
      entries.map(({ hour }) => hour),
      entries.map(({ outcome }) => outcome),
      entries.map(({ rule }) => rule),
      entries.map(({ hits }) => hits),
    ],
  )
}
