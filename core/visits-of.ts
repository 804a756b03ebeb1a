/**
 * Visits in JavaScript: the reference of the definition in visits.ts, that engines' SQL is held equal to. Plain and slow
 * rather than clever; memory follows the hits given.
 */
import type { LakeRow } from './tables.ts'
import { type VisitsRule, visitsStretchMs } from './visits.ts'

/** Hits of one visit in their order; at least one. `hits[0]` is the hit that the visit belongs to. */
export type Visit = readonly [LakeRow, ...LakeRow[]]

/**
 * The visits of one merchant's rows of `hits`, given in any order; rows of bots make lines of their own. Visits come in
 * no stated order. Whoever does not count bots leaves their rows out before or their visits after: it is the same.
 */
export function visitsOf(hits: readonly LakeRow[], rule: VisitsRule): readonly Visit[] {
  return [...linesOf(hits).values()].flatMap((line) => slicesOf(line.toSorted(visitOrder), rule))
}

/** Order of hits in a line: event time, then position in the feed. */
export function visitOrder(a: LakeRow, b: LakeRow): number {
  for (const column of ['time', '_part', '_off', '_idx'] as const) {
    const order = Number(a[column]) - Number(b[column])
    if (order !== 0) return order
  }
  return textOrder(String(a._src ?? ''), String(b._src ?? ''))
}

// Two feeds' hits of one millisecond and position: any order does, as long as it is always the same one.
function textOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function linesOf(hits: readonly LakeRow[]): ReadonlyMap<string, LakeRow[]> {
  const lines = new Map<string, LakeRow[]>()
  for (const hit of hits) {
    const key = JSON.stringify([hit.visitor ?? '', hit.session ?? '', hit.bot === true])
    const line = lines.get(key)
    if (line === undefined) lines.set(key, [hit])
    else line.push(hit)
  }
  return lines
}

function slicesOf(line: readonly LakeRow[], rule: VisitsRule): readonly Visit[] {
  const pauses = pausesOf(line, rule)
  const stretchMs = visitsStretchMs(rule)
  const stretchOf = (hit: LakeRow | undefined) => Math.floor(timeOf(hit) / stretchMs)
  const broken = new Set([...pauses].map((at) => stretchOf(line[at])))
  const visits: [LakeRow, ...LakeRow[]][] = []
  let anchor = 0
  let slice = -1
  for (const [at, hit] of line.entries()) {
    const time = timeOf(hit)
    const previous = at === 0 ? undefined : stretchOf(line[at - 1])
    const followsFull = previous !== undefined && previous !== stretchOf(hit) && !broken.has(previous)
    const isBreak = pauses.has(at) || followsFull
    if (isBreak) anchor = time
    const number = Math.floor((time - anchor) / rule.atMostMs)
    if (isBreak || number !== slice) visits.push([hit])
    else visits.at(-1)?.push(hit)
    slice = number
  }
  return visits
}

/** Where the line pauses, and its beginning: what decides which days are full. */
function pausesOf(line: readonly LakeRow[], rule: VisitsRule): ReadonlySet<number> {
  const pauses = new Set<number>()
  for (const [at, hit] of line.entries()) {
    const gapMs = (hit.session ?? '') === '' ? rule.gapMs : rule.namedGapMs
    if (at === 0 || timeOf(hit) - timeOf(line[at - 1]) >= gapMs) pauses.add(at)
  }
  return pauses
}

function timeOf(hit: LakeRow | undefined): number {
  return Number(hit?.time)
}
