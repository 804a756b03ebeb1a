/** What compiles and what does not: `tsc` is the test. The functions are never called, for the types are in their bodies. */
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { EventTime } from '../../core/event-time.ts'
import { hourlyTable } from '../../schemas/tables.ts'
import type { Pane } from '../core/pane.ts'
import { type CountOf, count, countDistinct, first, max, quantiles, sum, top } from './aggregates.ts'
import type { PipelineBuilder, Rows } from './builder.ts'
import { type Click, clicks } from './golden/plans.ts'
import type { PartialPane, SetKey, UpsertPane } from './panes.ts'
import type { Failed, Refused } from './sinks.ts'
import {
  derivedTable,
  failedTable,
  paneOutput,
  paneTable,
  refusedOutput,
  rowOutput,
  upsertOutput,
  upsertTable,
} from './sinks.ts'
import { calendar, fixed, hopping, session } from './windows.ts'

interface Inputs {
  readonly rate: (currency: string) => number
}
type Clicks = Rows<Inputs, Click, 'shop'>
const read = (p: PipelineBuilder<Inputs>): Clicks =>
  p.read(clicks, { eventTime: (row) => row.at, watermark: { from: (row) => row.received, delay: '1m' } })
const schema = z.object({ shop: z.string(), cents: z.coerce.bigint() })

const types = {
  'follow from step to step'(rows: Clicks) {
    expectTypeOf(rows.map('a', ({ shop, cents }) => ({ shop, double: cents * 2n }))).toEqualTypeOf<
      Rows<Inputs, { shop: string; double: bigint }, 'shop'>
    >()
    expectTypeOf(rows.flatMap('b', (row) => [row.page, row.shop])).toEqualTypeOf<Rows<Inputs, string, 'shop'>>()
    expectTypeOf(rows.filter('c', (row) => row.robot)).toEqualTypeOf<Clicks>()
    expectTypeOf(rows.dedupe('d', { key: ['shop', 'visitor'], within: '1m' })).toEqualTypeOf<Clicks>()
    expectTypeOf(rows.union('e', [rows.filter('f', () => true)])).toEqualTypeOf<Clicks>()
    expectTypeOf(rows.write(rowOutput('g'))).toEqualTypeOf<Clicks>()
  },
  'of what fails are those of the feed'(p: PipelineBuilder<Inputs>) {
    const options = {
      eventTime: (row: Click) => row.at,
      watermark: { from: (row: Click) => row.received, delay: '1m' },
    } as const
    const toRow = (failed: Failed<Click>) => ({ merchant: failed.kind === 'refused' ? failed.row.shop : '' })
    p.read(clicks, { ...options, failed: failedTable<Click>(hourlyTable, toRow) })
    p.read(clicks, { ...options, failed: refusedOutput<Click>('a') })
    // @ts-expect-error a sink of rows
    p.read(clicks, { ...options, failed: rowOutput<Click>('b') })
    // @ts-expect-error a sink for what fails of another feed
    p.read(clicks, { ...options, failed: failedTable<{ other: string }>(hourlyTable, () => ({})) })
  },
  'follow through composites, which are functions'(rows: Clicks) {
    const priced = <C, R extends { readonly cents: bigint }, P extends string>(all: Rows<C, R, P>) =>
      all.map('price', (row) => ({ ...row, euros: Number(row.cents) / 100 }))
    expectTypeOf(rows.through(priced)).toEqualTypeOf<Rows<Inputs, Click & { euros: number }, 'shop'>>()
    // @ts-expect-error these rows have no cents
    rows.map('a', ({ shop }) => ({ shop })).through(priced)
  },
  'of branches are those of their outcomes'(rows: Clicks) {
    const judge = (row: Click) =>
      row.robot ? ({ to: 'bad', row, reason: 'robot' } as const) : ({ to: 'good', row: row.page } as const)
    const { good, bad } = rows.split('a', judge, { to: { good: 'rows', bad: 'refused' } })
    expectTypeOf(good).toEqualTypeOf<Rows<Inputs, string, 'shop'>>()
    expectTypeOf(bad).toEqualTypeOf<Rows<Inputs, Refused<Click>, 'shop'>>()
    bad.write(refusedOutput('b'))
    // @ts-expect-error refused rows for a sink of rows
    bad.write(rowOutput('c'))
    // @ts-expect-error rows for a sink of refused ones
    good.write(refusedOutput('d'))
  },
  'of validated rows are those of the schema'(rows: Clicks) {
    const { passed, refused } = rows.validate('a', schema, {
      version: '1',
      columns: { shop: 'string', cents: 'bigint' },
    })
    expectTypeOf(passed).toEqualTypeOf<Rows<Inputs, { shop: string; cents: bigint }, 'shop'>>()
    expectTypeOf(refused).toEqualTypeOf<Rows<Inputs, Refused<Click>, 'shop'>>()
    // @ts-expect-error the schema leaves the page out
    passed.filter('b', (row) => row.page === '/')
    // @ts-expect-error a schema without a version
    rows.validate('c', schema, {})
    // @ts-expect-error not a schema
    rows.validate('d', { parse: () => 1 }, { version: '1' })
    // @ts-expect-error a column that the schema does not make
    rows.validate('e', schema, { version: '1', columns: { shop: 'string', cents: 'bigint', page: 'string' } })
  },
  'of rows refuse a column that is not there'(rows: Clicks) {
    // @ts-expect-error no such column
    rows.filter('a', (row) => row.colour === 'red')
    // @ts-expect-error dropped by the map above
    rows.map('b', ({ shop }) => ({ shop })).filter('c', (row) => row.page === '/')
    // @ts-expect-error no such column
    rows.dedupe('d', { key: ['shop', 'colour'], within: '1m' })
    // @ts-expect-error no such column
    rows.groupBy('e', ['shop', 'colour'])
    // @ts-expect-error no such column
    rows.window('f', fixed('1m')).groupBySets('g', { colour: ['colour'] })
    // @ts-expect-error the map declares a column that it does not make
    rows.map('h', ({ shop }) => ({ shop }), { columns: { shop: 'string', page: 'string' } })
    // @ts-expect-error the map makes a column that it does not declare
    rows.map('i', ({ shop, page }) => ({ shop, page }), { columns: { shop: 'string' } })
    // @ts-expect-error a filter says true or false
    rows.filter('j', (row) => row.page)
    // @ts-expect-error a flatMap gives lists
    rows.flatMap('k', (row) => row)
    // @ts-expect-error no such side input
    rows.filter('l', () => true, { uses: ['country'] })
  },
  'of keys refuse one without the partition key'(rows: Clicks) {
    rows.groupBy('a', ['page', 'shop'])
    // @ts-expect-error state is local to a shop's partition
    rows.groupBy('b', ['page'])
    // @ts-expect-error state is local to a shop's partition
    rows.window('c', fixed('1m')).groupBy('d', ['page'])
    // @ts-expect-error state is local to a shop's partition
    rows.dedupe('e', { key: ['page', 'visitor'], within: '1m' })
    // @ts-expect-error the map above dropped the partition key
    rows.map('f', ({ page }) => ({ page })).groupBy('g', ['page'])
  },
  'of unions refuse other rows'(rows: Clicks) {
    // @ts-expect-error rows of another type
    rows.union('a', [rows.map('b', ({ shop }) => ({ shop }))])
    // @ts-expect-error rows with a column more
    rows.union('c', [rows.map('d', (row) => ({ ...row, more: 1 }))])
    // @ts-expect-error rows for a plan that may use something else
    rows.union('e', [null as unknown as Rows<{ country: string }, Click, 'shop'>])
  },
  'of windows refuse what they have not'(rows: Clicks) {
    rows.window('a', calendar('week', { zone: (row) => row.page, weekStart: 'sunday' }))
    // @ts-expect-error an hour has no first weekday
    calendar('hour', { zone: () => 'UTC', weekStart: 'sunday' })
    // @ts-expect-error no such column for a zone
    rows.window('b', calendar('day', { zone: (row) => row.zone }))
    // @ts-expect-error fixed windows do not hop
    fixed('1m', { every: '10s' })
    // @ts-expect-error hopping windows need to know how often
    hopping('1m', {})
    // @ts-expect-error a session needs a longest length
    session('30m', {})
    // @ts-expect-error 30 of what
    session('30', { atMost: '24h' })
    // @ts-expect-error a lateness is a duration, or unbounded
    rows.window('c', fixed('1m'), { lateness: 'forever' })
    // @ts-expect-error a session that asks for a column is one over a table
    rows.window('d', session('30m', { named: { column: 'page', gap: '1h' }, atMost: '24h' }))
    // @ts-expect-error rows are grouped before they are aggregated
    rows.window('e', fixed('1m')).aggregate({ n: count() })
    // @ts-expect-error a group has a window before it is aggregated
    rows.groupBy('f', ['shop']).aggregate({ n: count() })
    expectTypeOf(rows.window('g', fixed('1m')).tooLate).toEqualTypeOf<Clicks>()
    expectTypeOf(rows.groupBy('h', ['shop']).window('i', fixed('1m')).tooLate).toEqualTypeOf<Clicks>()
  },
  'of aggregates refuse columns of another type'(rows: Clicks) {
    const grouped = rows.window('a', fixed('1m')).groupBy('b', ['shop'])
    grouped.aggregate({ a: sum('cents'), b: max('page'), c: first('at'), d: countDistinct('hash', { k: 8 }) })
    // @ts-expect-error a text cannot be added
    grouped.aggregate({ a: sum('page') })
    // @ts-expect-error true and false have no order
    grouped.aggregate({ a: max('robot') })
    // @ts-expect-error no such column
    grouped.aggregate({ a: first('colour') })
    // @ts-expect-error a bucket is a number
    grouped.aggregate({ a: quantiles('cents') })
    // @ts-expect-error weights are integers
    grouped.aggregate({ a: top('page', { weight: 'visitor' }) })
  },
  'of panes are those of key and aggregates'(rows: Clicks) {
    const grouped = rows.window('a', fixed('1m'), { lateness: '1h' }).groupBy('b', ['shop', 'page'])
    const counted = grouped.aggregate({ n: count(), entry: first('page') })
    type Key = Pick<Click, 'shop' | 'page'>
    type Made = { readonly n: CountOf; readonly entry: { readonly kind: 'first'; readonly column: 'page' } }
    const growing = counted.emit({ on: 'close', late: 'each', panes: 'accumulating' })
    growing.write(upsertOutput<UpsertPane<Key, Made>>('c'))
    growing.write(
      upsertTable(hourlyTable, (pane) => {
        expectTypeOf(pane.key.page).toEqualTypeOf<string>()
        return { bucket: pane.start, hits: pane.kind === 'retract' ? null : pane.values.n }
      }),
    )
    // @ts-expect-error a retraction has no values
    growing.write(upsertTable(hourlyTable, (pane) => ({ hits: pane.values.n })))
    // @ts-expect-error growing panes for a sink that adds
    growing.write(paneOutput('d'))
    // @ts-expect-error growing panes for a table that adds
    growing.write(paneTable(hourlyTable, () => ({})))
    const parts = counted.emit({ on: 'close', panes: 'discarding' })
    parts.write(paneOutput<PartialPane<Key, Made>>('e'))
    // @ts-expect-error parts for a sink that replaces
    parts.write(upsertOutput('f'))
    // @ts-expect-error panes for a sink of rows
    parts.write(derivedTable<Click>(hourlyTable, () => ({})))
    // @ts-expect-error epochs keep nothing that could grow
    counted.emit({ every: 'epoch', panes: 'accumulating' })
    // @ts-expect-error early panes need to know when
    counted.emit({ on: 'close', early: {}, panes: 'accumulating' })
    // @ts-expect-error late panes come for each row or after some
    counted.emit({ on: 'close', late: '1m', panes: 'accumulating' })
    // @ts-expect-error panes add or replace
    counted.emit({ on: 'close' })
    // @ts-expect-error panes of another key
    growing.write(upsertOutput<UpsertPane<{ readonly colour: string }, Made>>('g'))
  },
  'of panes of sets are those of the fast runner where they come by epochs'(rows: Clicks) {
    const sets = rows.window('a', fixed('1m'), { lateness: 'unbounded' }).groupBySets('b', { total: [] })
    const counted = sets.aggregate({ n: count() })
    type Made = { readonly n: CountOf }
    counted.emit({ every: 'epoch', panes: 'discarding' }).write(paneOutput<Pane<Made>>('c'))
    counted.emit({ on: 'close', panes: 'discarding' }).write(paneOutput<PartialPane<SetKey, Made>>('d'))
    // @ts-expect-error panes by epochs have no timing
    counted.emit({ every: 'epoch', panes: 'discarding' }).write(paneOutput<PartialPane<SetKey, Made>>('e'))
  },
  'of the event time are instants'(p: PipelineBuilder<Inputs>) {
    p.read(clicks, { eventTime: (row): EventTime => row.at, watermark: { from: (row) => row.received, delay: '1m' } })
    // @ts-expect-error a text is no instant
    p.read(clicks, { eventTime: (row) => row.page, watermark: { from: (row) => row.received, delay: '1m' } })
    expectTypeOf(read(p)).toEqualTypeOf<Clicks>()
  },
}

describe('types', () => {
  it.each(Object.entries(types))('%s', (_, body) => {
    expect(body).toBeTypeOf('function')
  })
})
