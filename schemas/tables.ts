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
    column(36, 'source', 'string', 'derived: campaign source, else host of the referrer, else (direct)'),
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
  ],
  partition: { generation: false, day: 'received' },
  sort: ['merchant', 'received', '_part', '_off', '_idx'],
}

export const hourlyTable: TableDefinition = {
  name: 'hourly',
  doc: 'Partial sums per merchant, local hour, breakdown and value. Any number of partials is right: readers always merge.',
  columns: [
    column(1, 'merchant', 'string', 'whose shop'),
    column(2, 'bucket', 'timestamptz', "start of the hour in the merchant's zone"),
    column(3, 'breakdown', 'string', 'total, or the dimension'),
    column(4, 'value', 'string', 'value of the dimension; empty for total'),
    column(5, 'hits', 'long', 'sum'),
    column(6, 'pageviews', 'long', 'sum'),
    column(
      7,
      'visitors',
      { list: { elementId: 8, element: 'long' } },
      'KMV sketch: the k smallest distinct visitor hashes, rising',
    ),
    column(9, 'orders', 'long', 'sum'),
    column(10, 'revenue_micros', 'decimal38', 'sum of revenue_home_micros'),
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
    key: ['_gen', 'merchant', 'bucket', 'breakdown', 'value', '_src', '_part'],
    values: {
      hits: 'sum',
      pageviews: 'sum',
      visitors: { kmv: totalSketchSize },
      orders: 'sum',
      revenue_micros: 'sum',
    },
  },
}

export const tables: Readonly<Record<TableName, TableDefinition>> = {
  hits: hitsTable,
  failed_hits: failedHitsTable,
  hourly: hourlyTable,
}

export const tableNames: readonly TableName[] = Object.values(tables).map(({ name }) => name)

/** The generation that live jobs write and readers read until a rerun is promoted (design.md, section 6). */
export const firstGeneration = 1
