/**
 * What data sets say of a hit that is run again: as its row has it from when it was first processed, or as they say now.
 * Of the traffic sources, which are part of the plan's code, the plan decides; a refused hit was never judged, so it is
 * judged now.
 */
import type { LakeRow } from '../../../core/tables.ts'
import type { CountryLookup } from '../../jobs/country.ts'
import type { UserAgentFacts, UserAgentReader } from '../../jobs/user-agent.ts'
import { canonicalJson } from '../../plan/canonical.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { SideInputs } from '../side-inputs.ts'

/** Columns of `hits` that answer for data sets, and the one that names these. */
export const recordedColumns: readonly string[] = ['country', 'bot', 'device', 'browser', 'os', 'data_sets']

/** The data sets that these columns stand for begin so. */
const answered = /^(bowser|isbot|@ip-location-db\/.*|country)$/

/** Combinations of versions that are remembered; a table has few. */
const textsRemembered = 100

/** The columns `plan` and `data_sets` of what is made of a hit. */
export interface MadeBy {
  readonly plan: string
  readonly dataSets: string
}

/** Stands between steps and data sets; told of each row before it is run. */
export interface DataOfRows {
  readonly context: Readonly<Record<string, unknown>>
  /** null: a hit that has no row of `hits`. */
  begin(row: LakeRow | null): MadeBy
}

export function dataOfRows(
  mode: 'recorded' | 'today',
  { pipeline, inputs }: { readonly pipeline: Pipeline; readonly inputs: SideInputs },
): DataOfRows {
  const { context, dataSets } = inputs
  const today: MadeBy = { plan: pipeline.hash(dataSets), dataSets: canonicalJson(dataSets) }
  if (mode === 'today') return { context, begin: () => today }

  let current: LakeRow | null = null
  const known = new Map<string, MadeBy>()
  const { country, userAgents } = context as { country?: CountryLookup['country']; userAgents?: UserAgentReader }
  const recorded = {
    country: (prefix: string | null): string | null =>
      current === null ? (country?.(prefix) ?? null) : ((current.country ?? null) as string | null),
    userAgents: {
      read: (...of: Parameters<UserAgentReader['read']>) =>
        current === null ? (userAgents as UserAgentReader).read(...of) : factsOf(current),
    },
  }
  return {
    context: Object.freeze({
      ...context,
      ...(country !== undefined && { country: recorded.country }),
      ...(userAgents !== undefined && { userAgents: recorded.userAgents }),
    }),
    begin(row) {
      current = row
      const text = row === null ? null : row.data_sets
      if (typeof text !== 'string') return today
      let made = known.get(text)
      if (made === undefined) {
        if (known.size >= textsRemembered) known.clear()
        const own = { ...dataSets, ...answeredBy(text) }
        made = { plan: pipeline.hash(own), dataSets: canonicalJson(own) }
        known.set(text, made)
      }
      return made
    },
  }
}

function factsOf({ bot, device, browser, os }: LakeRow): UserAgentFacts {
  return {
    bot: bot === true,
    device: device as UserAgentFacts['device'],
    browser: (browser ?? null) as string | null,
    os: (os ?? null) as string | null,
  }
}

function answeredBy(text: string): Readonly<Record<string, string>> {
  const versions = JSON.parse(text) as Readonly<Record<string, string>>
  return Object.fromEntries(Object.entries(versions).filter(([name]) => answered.test(name)))
}
