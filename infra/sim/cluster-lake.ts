/**
 * The lake of a cluster as a process reaches it. Statements belong to a lease: before the first one under a new fence those
 * of earlier fences are ended, so that they land no more; what Trino's adapter does with queries of its own.
 */
import { StaleLeaseError } from '../../core/errors.ts'
import type { TableName } from '../../core/tables.ts'
import type { PublicationTurn } from '../../lakehouse/core/publication-turn.ts'
import type { SimProcess } from './process.ts'
import type { SimLake } from './servers.ts'

/** By table the highest fence under which statements were begun. */
export type Taken = Map<TableName, number>

const inTurn = [
  'publish',
  'derive',
  'rewrite',
  'removeRows',
  'removeGenerations',
  'recomputeHourly',
  'expire',
  'removeOrphans',
  'rollback',
  'mergeManifests',
] as const

export function clusterLake(process: SimProcess, lake: SimLake, taken: Taken): SimLake {
  const fenced: Record<string, unknown> = { ...lake }
  for (const method of inTurn) {
    const original = lake[method] as (...args: unknown[]) => Promise<unknown>
    fenced[method] = (...args: unknown[]) => {
      const fence = fenceOf(args.at(-1))
      const table = tableOf(args[0])
      if (fence !== undefined) {
        if (fence < (taken.get(table) ?? 0)) throw new StaleLeaseError(`publish/${table}`, fence)
        taken.set(table, fence)
      }
      return original(...args)
    }
  }
  for (const method of inTurn) {
    const call = fenced[method] as (...args: unknown[]) => Promise<unknown>
    fenced[method] = async (...args: unknown[]) => call(...args)
  }
  return process.port('lake', 'network', fenced as unknown as SimLake)
}

function fenceOf(last: unknown): number | undefined {
  if (typeof last !== 'object' || last === null) return undefined
  const turn = 'turn' in last ? (last.turn as PublicationTurn) : (last as PublicationTurn)
  return typeof turn.fence === 'number' ? turn.fence : undefined
}

function tableOf(first: unknown): TableName {
  return (typeof first === 'string' ? first : (first as { readonly table: TableName }).table) as TableName
}
