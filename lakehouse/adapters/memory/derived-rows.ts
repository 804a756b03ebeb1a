/** Rows of derived tables in plain JavaScript: what the SQL of lakehouse/core/sql/derive-select-*.ts is held equal to. */

import { generationFinder } from '../../../core/generations.ts'
import type { DeriveWork } from '../../../core/ports/lake.ts'
import { baseOfDerived, type DerivedUnit } from '../../../core/ports/maintenance-store.ts'
import type { LakeRow, LakeValue } from '../../../core/tables.ts'
import { compareText } from '../../../core/text-order.ts'
import { type Visit, visitsOf } from '../../../core/visits-of.ts'
import { foldMaxValues, hourlyTable, tables } from '../../../schemas/tables.ts'
import { foldRows } from '../../core/fold.ts'
import { partitionTime } from '../../core/partition.ts'
import { sinkOfTable } from '../../core/sql/of-generations.ts'

type Work = Pick<DeriveWork, 'table' | 'generations' | 'units' | 'rule'>

/**
 * The units' rows, without `_publish` and `_row`, in no stated order. `base` has at least the rows of the base table that
 * decide them; `maxValues` as `foldMaxValues`.
 */
export function derivedRows(work: Work, base: readonly LakeRow[], maxValues = foldMaxValues): readonly LakeRow[] {
  const byMerchant = new Map<string, LakeRow[]>()
  const wanted = new Set<string>(work.units.map(({ merchant }) => merchant))
  const { column } = partitionTime(tables[baseOfDerived[work.table]])
  const sink = sinkOfTable[work.table]
  const answering = generationFinder(work.generations, sink)
  for (const row of base) {
    const merchant = String(row.merchant)
    if (!wanted.has(merchant) || Number(row._gen) !== answering(merchant, Number(row[column]))) continue
    const rows = byMerchant.get(merchant)
    if (rows === undefined) byMerchant.set(merchant, [row])
    else rows.push(row)
  }
  return work.units.flatMap((unit) => {
    const rows = byMerchant.get(unit.merchant) ?? []
    const made = work.table === 'sessions' ? sessionRows(unit, rows, work) : dailyRows(unit, rows, maxValues)
    return made.map((row) => ({ ...row, _gen: answering(unit.merchant, Number(row.start ?? row.bucket)) }))
  })
}

function sessionRows({ start, end }: DerivedUnit, hits: readonly LakeRow[], { rule }: Work): LakeRow[] {
  const people = hits.filter(({ bot }) => bot !== true)
  return visitsOf(people, rule)
    .filter(([first]) => Number(first.time) >= start && Number(first.time) < end)
    .map(sessionRow)
}

function sessionRow(visit: Visit): LakeRow {
  const [first] = visit
  const last = visit.at(-1) ?? first
  const named = (name: string) => visit.filter((hit) => hit.name === name).length
  const ofFirst = ['name', 'source', 'country', 'device', 'browser', 'campaign'] as const
  return {
    merchant: first.merchant,
    start: first.time,
    end: last.time,
    visitor: first.visitor,
    session: present(first.session),
    hits: visit.length,
    pageviews: named('page_view'),
    orders: named('purchase'),
    revenue_micros: visit.reduce((sum, hit) => sum + BigInt((hit.revenue_home_micros ?? 0) as bigint), 0n),
    bounce: visit.length === 1,
    duration_ms: Number(last.time) - Number(first.time),
    ...Object.fromEntries(ofFirst.map((name) => [name, present(first[name])])),
    page: present(first.path),
    exit_page: present(last.path),
    _src: first._src,
    _part: first._part,
    _off: first._off,
    _idx: first._idx,
    _gen: first._gen,
  }
}

// No value and an empty one are the same to every question; in the table both are null.
function present(value: LakeValue | undefined): LakeValue {
  return value === '' || value === undefined ? null : value
}

function dailyRows({ start, end }: DerivedUnit, hourly: readonly LakeRow[], maxValues: number): LakeRow[] {
  const mine = hourly.filter(({ bucket }) => Number(bucket) >= start && Number(bucket) < end)
  const whole = folded(mine.map((row) => ({ ...row, other: row.other === true })))
  const kept = new Set<LakeRow>()
  for (const breakdown of new Set(whole.map((row) => row.breakdown))) {
    const largest = whole.filter((row) => row.breakdown === breakdown && row.other === false).sort(byHits)
    for (const row of largest.slice(0, maxValues)) kept.add(row)
  }
  const cut = whole.map((row) => (kept.has(row) ? row : { ...row, value: '', other: true }))
  return folded(cut).map((row) => ({ ...row, bucket: start, bucket_end: end }))
}

function byHits(a: LakeRow, b: LakeRow): number {
  const [left, right] = [BigInt((a.hits ?? 0) as bigint), BigInt((b.hits ?? 0) as bigint)]
  if (left !== right) return left > right ? -1 : 1
  return compareText(String(a.value ?? ''), String(b.value ?? ''))
}

/** One row a breakdown, value and `other`, whatever the hour, feed, partition and generation. */
function folded(rows: readonly LakeRow[]): readonly LakeRow[] {
  const groups = new Map<string, LakeRow[]>()
  for (const row of rows) {
    const key = JSON.stringify([row.breakdown, row.value, row.other])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return [...groups.values()].flatMap((group) => {
    const sources = group.map((row) => String(row._src)).sort(compareText)
    const parts = group.map((row) => Number(row._part))
    const shared = { bucket: 0, _src: sources[0] ?? null, _part: Math.min(...parts), _gen: 0 }
    return foldRows(
      hourlyTable,
      group.map((row) => ({ ...row, ...shared })),
    )
  })
}
