/**
 * The tables of the lake. docs/reference/tables.md is made from this file (a test compares).
 * Column ids are for ever: a new column takes the next free id of its table, a dropped one's id is never used again.
 */
import type { Column, ColumnType, TableDefinition, TableName } from '../core/tables.ts'

const column = (id: number, name: string, type: ColumnType, doc: string): Column => ({ id, name, type, doc })

/**
 * Size k of the KMV sketches. Visitors are exact up to k − 1, that is 4,096 and 1,024: a sketch that is full may have
 * dropped a hash, so the promise takes one place more than its number (core/sketch/kmv.ts).
 */
export const totalSketchSize = 4_097
export const breakdownSketchSize = 1_025

export const hitsTable: TableDefinition = {
  name: 'hits',
  doc: 'One row a hit: what was accepted, unchanged, and what the pipeline derived of it. The truth all else is made from.',
  columns: [
    column(1, 'merchant', 'string', 'whose shop; from the key'),
    column(2, 'id', 'string', 'given by the client or minted; counts once in 24 h of receipt'),
    column(3, 'name', 'string', 'what happened: page_view, purchase, …'),
    column(4, 'time', 'timestamptz', 'event time, skew removed, never after received'),
    column(5, 'received', 'timestamptz', 'ingest time'),
    column(6, 'visitor', 'string', 'as given, or the cookieless id'),
    column(7, 'session', 'string', 'as given'),
    column(8, 'user', 'string', 'as given'),
    column(9, 'url', 'string', 'as given'),
    column(10, 'referrer', 'string', 'as given'),
    column(11, 'title', 'string', 'as given'),
    column(12, 'revenue_micros', 'long', 'millionths of revenue_currency'),
    column(13, 'revenue_currency', 'string', 'ISO 4217'),
    column(
      14,
      'items',
      {
        list: {
          elementId: 15,
          element: {
            struct: [
              column(16, 'id', 'string', 'as given'),
              column(17, 'name', 'string', 'as given'),
              column(18, 'quantity', 'double', 'as given'),
              column(19, 'price_micros', 'long', 'millionths of revenue_currency'),
            ],
          },
        },
      },
      'what was in the cart or order',
    ),
    column(20, 'props', 'string', 'custom properties, a JSON object'),
    column(21, 'user_agent', 'string', 'context.userAgent as given'),
    column(22, 'language', 'string', 'context.language as given, else of the request'),
    column(23, 'screen', 'string', 'as given'),
    column(24, 'client_time_zone', 'string', 'as given'),
    column(25, 'campaign_source', 'string', 'context.campaign as given'),
    column(26, 'campaign_medium', 'string', 'as given'),
    column(27, 'campaign_name', 'string', 'as given'),
    column(28, 'campaign_term', 'string', 'as given'),
    column(29, 'campaign_content', 'string', 'as given'),
    column(30, 'address_prefix', 'string', '/24 or /48 of the client'),
    column(31, 'request_user_agent', 'string', 'of the request that brought the hit'),
    column(32, 'key_kind', 'string', 'browser or server'),
    column(33, 'zone', 'string', "the merchant's time zone when received"),
    column(34, 'currency', 'string', "the merchant's currency when received"),
    column(35, 'path', 'string', 'derived: normalised path of url'),
    column(
      36,
      'source',
      'string',
      'derived: campaign source, else of a click id, else the name or host of the referrer, else (direct)',
    ),
    column(37, 'country', 'string', 'derived: ISO 3166-1 alpha-2'),
    column(38, 'device', 'string', 'derived: desktop, mobile, tablet, tv, other'),
    column(39, 'bot', 'boolean', 'derived: the user agent is a known bot; counts in no metric'),
    column(40, 'visitor_hash', 'long', "derived: 63-bit hash of visitor under the merchant's seed"),
    column(41, 'revenue_home_micros', 'long', "derived: revenue where its currency is the merchant's"),
    column(42, 'plan', 'string', 'hash of the plan that made the derived columns'),
    column(43, 'data_sets', 'string', 'versions of the data sets it used'),
    column(44, '_src', 'string', 'feed incarnation'),
    column(45, '_part', 'int', 'feed partition'),
    column(46, '_off', 'long', 'record in the partition'),
    column(47, '_idx', 'int', 'hit in the record'),
    column(48, '_publish', 'long', 'publication that brought the row'),
    column(49, '_row', 'long', 'number of the row in its publication'),
    column(50, '_gen', 'int', 'generation'),
    column(51, 'client_hints', 'string', "the request's Sec-CH-UA headers as sent, a JSON object"),
    column(52, 'browser', 'string', 'derived: by client hints, else by the user agent; null where neither says'),
    column(53, 'os', 'string', 'derived: by client hints, else by the user agent; null where neither says'),
    column(54, 'medium', 'string', 'derived: campaign medium, else organic, social, email, referral or (none)'),
    column(55, 'campaign', 'string', 'derived: campaign name, trimmed'),
    column(56, 'load_bucket', 'int', 'derived: histogram bucket of props.load_ms (core/sketch/quantiles.ts)'),
  ],
  partition: { generation: true, day: 'time' },
  sort: ['merchant', 'time', '_part', '_off', '_idx'],
}

export const failedHitsTable: TableDefinition = {
  name: 'failed_hits',
  doc: 'One row a hit that was accepted and then refused by a step: why, and the whole original. Enters every rerun.',
  columns: [
    column(1, 'merchant', 'string', 'whose shop'),
    column(2, 'id', 'string', 'of the hit; null where it could not be decoded'),
    column(3, 'name', 'string', 'of the hit'),
    column(4, 'time', 'timestamptz', 'event time'),
    column(5, 'received', 'timestamptz', 'ingest time'),
    column(6, 'step', 'string', 'the step that refused it'),
    column(7, 'reason', 'string', 'stable code of the refusal'),
    column(
      8,
      'original',
      'string',
      'the accepted hit and its batch facts as JSON, or the undecodable record in base64',
    ),
    column(9, 'plan', 'string', 'hash of the plan'),
    column(10, '_src', 'string', 'feed incarnation'),
    column(11, '_part', 'int', 'feed partition'),
    column(12, '_off', 'long', 'record in the partition'),
    column(13, '_idx', 'int', 'hit in the record'),
    column(14, '_publish', 'long', 'publication that brought the row'),
    column(15, '_row', 'long', 'number of the row in its publication'),
    column(16, '_gen', 'int', 'generation'),
    column(17, 'visitor', 'string', 'of the hit; null in rows from before the column, whose original says it'),
    column(18, 'user', 'string', 'of the hit, as visitor'),
  ],
  partition: { generation: false, day: 'received' },
  sort: ['merchant', 'received', '_part', '_off', '_idx'],
}

/** The numbers of a breakdown's value, in `hourly` and `daily` alike; ids go on from the table's own. */
const measures = (id: number, ids: { readonly element: number; readonly added: number }): readonly Column[] => {
  const { element, added } = ids
  return [
    column(id, 'hits', 'long', 'sum'),
    column(id + 1, 'pageviews', 'long', 'sum'),
    column(
      id + 2,
      'visitors',
      { list: { elementId: element, element: 'long' } },
      'KMV sketch: the k smallest distinct visitor hashes, rising',
    ),
    column(id + 4, 'orders', 'long', 'sum'),
    column(id + 5, 'revenue_micros', 'decimal38', 'sum of revenue_home_micros'),
  ].concat(addedMeasures(added))
}

const addedMeasures = (id: number): readonly Column[] => [
  column(
    id,
    'load',
    {
      list: {
        elementId: id + 1,
        element: { struct: [column(id + 2, 'bucket', 'int', 'rising'), column(id + 3, 'n', 'long', 'sum')] },
      },
    },
    'histogram of load_bucket',
  ),
  column(
    id + 4,
    'other_revenue',
    {
      list: {
        elementId: id + 5,
        element: {
          struct: [
            column(id + 6, 'currency', 'string', 'ISO 4217, rising'),
            column(id + 7, 'micros', 'decimal38', 'sum'),
          ],
        },
      },
    },
    "sums of revenue in currencies other than the merchant's",
  ),
  column(id + 8, 'other', 'boolean', 'true: all values of a truncated breakdown that were not kept'),
]

/** Values that a merchant, breakdown and day keeps when it is folded; the rest is one row, `other`. */
export const foldMaxValues = 20_000

const measureFolds = {
  hits: 'sum',
  pageviews: 'sum',
  visitors: { kmv: { of: 'breakdown', is: 'total', k: totalSketchSize, otherwise: breakdownSketchSize } },
  orders: 'sum',
  revenue_micros: 'sum',
  load: 'sumByKey',
  other_revenue: 'sumByKey',
} as const

export const hourlyTable: TableDefinition = {
  name: 'hourly',
  doc: 'Partial sums per merchant, local hour, breakdown and value. Any number of partials is right: readers always merge.',
  columns: [
    column(1, 'merchant', 'string', 'whose shop'),
    column(2, 'bucket', 'timestamptz', "start of the hour in the merchant's zone"),
    column(3, 'breakdown', 'string', 'total, or the dimension'),
    column(4, 'value', 'string', 'value of the dimension; empty for total'),
    ...measures(5, { element: 8, added: 18 }),
    column(11, '_src', 'string', 'feed incarnation'),
    column(12, '_part', 'int', 'feed partition'),
    column(13, '_off_from', 'long', 'first record it covers'),
    column(14, '_off_to', 'long', 'last record it covers'),
    column(15, '_publish', 'long', 'publication that brought the row'),
    column(16, '_row', 'long', 'number of the row in its publication'),
    column(17, '_gen', 'int', 'generation'),
  ],
  partition: { generation: true, day: 'bucket' },
  sort: ['merchant', 'breakdown', 'value', 'bucket', '_src', '_part'],
  fold: {
    key: ['_gen', 'merchant', 'bucket', 'breakdown', 'value', 'other', '_src', '_part'],
    values: measureFolds,
  },
}

export const dailyTable: TableDefinition = {
  name: 'daily',
  doc: 'The numbers of hourly by local day, for long ranges. Of a merchant and day the rows of the newest `_publish` hold; older ones are superseded.',
  columns: [
    column(1, 'merchant', 'string', 'whose shop'),
    column(2, 'bucket', 'timestamptz', "start of the day in the merchant's zone"),
    column(3, 'bucket_end', 'timestamptz', 'its end'),
    column(4, 'breakdown', 'string', 'total, or the dimension'),
    column(5, 'value', 'string', 'value of the dimension; empty for total, and where a hit has none'),
    ...measures(6, { element: 9, added: 12 }),
    column(21, '_src', 'string', 'feed incarnation'),
    column(22, '_part', 'int', 'feed partition'),
    column(23, '_off_from', 'long', 'first record it covers'),
    column(24, '_off_to', 'long', 'last record it covers'),
    column(25, '_publish', 'long', 'derivation that brought the row'),
    column(26, '_row', 'long', 'number of the row in its derivation'),
    column(27, '_gen', 'int', 'generation'),
  ],
  partition: { generation: true, month: 'bucket' },
  sort: ['merchant', 'breakdown', 'value', 'other', 'bucket'],
}

export const sessionsTable: TableDefinition = {
  name: 'sessions',
  doc: 'One row a visit (core/visits.ts). Of a merchant and UTC day of start the rows of the newest `_publish` hold; older ones are superseded.',
  columns: [
    column(1, 'merchant', 'string', 'whose shop'),
    column(2, 'start', 'timestamptz', 'event time of the first hit'),
    column(3, 'end', 'timestamptz', 'event time of the last hit'),
    column(4, 'visitor', 'string', 'as of the hits'),
    column(5, 'session', 'string', 'as given'),
    column(6, 'hits', 'long', 'how many'),
    column(7, 'pageviews', 'long', 'hits named page_view'),
    column(8, 'orders', 'long', 'hits named purchase'),
    column(9, 'revenue_micros', 'decimal38', 'sum of revenue_home_micros'),
    column(10, 'bounce', 'boolean', 'one hit only'),
    column(11, 'duration_ms', 'long', 'end − start'),
    column(12, 'name', 'string', 'of the first hit'),
    column(13, 'page', 'string', 'entry page: path of the first hit'),
    column(14, 'exit_page', 'string', 'path of the last hit'),
    column(15, 'source', 'string', 'of the first hit'),
    column(16, 'country', 'string', 'of the first hit'),
    column(17, 'device', 'string', 'of the first hit'),
    column(18, 'browser', 'string', 'of the first hit'),
    column(19, 'campaign', 'string', 'of the first hit'),
    column(20, '_src', 'string', 'feed incarnation of the first hit'),
    column(21, '_part', 'int', 'feed partition of the first hit'),
    column(22, '_off', 'long', 'record of the first hit'),
    column(23, '_idx', 'int', 'first hit in its record'),
    column(24, '_publish', 'long', 'derivation that brought the row'),
    column(25, '_row', 'long', 'number of the row in its derivation'),
    column(26, '_gen', 'int', 'generation'),
  ],
  partition: { generation: true, day: 'start' },
  sort: ['merchant', 'start', '_part', '_off', '_idx'],
}

export const tables: Readonly<Record<TableName, TableDefinition>> = {
  hits: hitsTable,
  failed_hits: failedHitsTable,
  hourly: hourlyTable,
  daily: dailyTable,
  sessions: sessionsTable,
}

export const tableNames: readonly TableName[] = Object.values(tables).map(({ name }) => name)

/** Tables that jobs write by epochs; the others are derived of them by maintenance. */
export const jobTableNames: readonly TableName[] = ['hits', 'failed_hits', 'hourly']

/** The generation that live jobs write and readers read until a rerun is promoted (design.md, section 6). */
export const firstGeneration = 1
