/** What administration asks of reruns: what is to be made anew, and what may be done with one. */
import { z } from 'zod'
import { boundedList, boundedText } from '../../core/bounded.ts'
import { dayMs } from '../../core/event-time.ts'
import { generationSinks } from '../../core/generations.ts'
import { type MerchantId, merchantIdPattern } from '../../core/ids.ts'
import type { RerunQuestion } from '../../core/ports/rerun-service.ts'
import type { Rerun, RerunState } from '../../core/ports/rerun-store.ts'
import { faultyRequest } from './problem.ts'
import { parseTableRequest as parseBody } from './table-requests.ts'

export const rerunByMaxLength = 200
export const rerunReasonMaxLength = 200
export const rerunNoteMaxLength = 1_000

const date = z.iso.date()
const by = boundedText(rerunByMaxLength, 1).default('an administrator').meta({ description: 'For people' })

export const newRerun = z.strictObject({
  pipeline: boundedText(100, 1).meta({ description: 'Whose plan is run again' }),
  snapshot: z
    .string()
    .regex(/^\d{1,19}$/)
    .meta({ description: 'Of the table `hits`: what it begins from. What came since is made anew too' }),
  sinks: boundedList(z.enum(generationSinks), generationSinks.length, 1)
    .optional()
    .meta({ description: 'Left out: those that the new plan needs made anew; all where it needs none' }),
  from: date.optional().meta({ description: 'First UTC day; left out: from the first' }),
  to: date.optional().meta({ description: 'Last UTC day; left out: to the last and all to come' }),
  merchant: z.string().regex(merchantIdPattern).optional().meta({ description: 'One; left out: all' }),
  failed: z
    .union([z.literal(true), boundedText(rerunReasonMaxLength, 1)])
    .optional()
    .meta({ description: 'Only days and merchants with hits refused for this reason; true: for any' }),
  dryRun: z.boolean().default(false).meta({ description: 'Only say what it would do and cost' }),
  promote: z
    .enum(['manual', 'auto'])
    .default('manual')
    .meta({ description: '`auto`: it answers as soon as it is ready' }),
  via: z
    .enum(['stream', 'sql'])
    .optional()
    .meta({ description: 'How rollups are made; left out: by SQL where it can' }),
  dataSets: z
    .enum(['recorded', 'today'])
    .default('recorded')
    .meta({ description: 'What country and device are: as they were when the hit came, or as they are found today' }),
  zones: z
    .enum(['recorded', 'today'])
    .default('recorded')
    .meta({ description: "Whose hours: the zone of each hit, or the merchant's present one" }),
  plan: boundedText(200, 1).optional().meta({ description: 'A kept version; left out: that of the release' }),
  by,
})

export const rerunVerbRequest = z.strictObject({
  by,
  note: boundedText(rerunNoteMaxLength, 1).optional().meta({ description: 'Kept with its history' }),
})

/** What may be done with a rerun. */
export const rerunVerbs = ['promote', 'rollback', 'release', 'pause', 'resume', 'cancel'] as const
export type RerunVerb = (typeof rerunVerbs)[number]

const possible: Readonly<Record<RerunState, readonly RerunVerb[]>> = {
  planned: ['pause', 'cancel'],
  backfilling: ['pause', 'cancel'],
  catching_up: ['pause', 'cancel'],
  ready: ['promote', 'cancel'],
  promoted: ['rollback', 'release'],
  rolled_back: ['promote', 'cancel'],
  released: [],
  paused: ['resume', 'cancel'],
  failed: ['resume', 'cancel'],
  cancelled: [],
}

export function possibleVerbs({ state }: Pick<Rerun, 'state'>): readonly RerunVerb[] {
  return possible[state]
}

/** @throws ProblemError 400 `bad_query` */
export function parseNewRerun(body: unknown): { readonly question: RerunQuestion; readonly dryRun: boolean } {
  const { dryRun, failed, from, to, merchant, sinks, via, plan, ...asked } = parseBody(newRerun, body)
  const [first, end] = [from && Date.parse(from), to && Date.parse(to) + dayMs]
  if (first && end && first >= end) {
    throw faultyRequest([{ pointer: '/to', code: 'bad_field', message: '/to: must not lie before /from' }])
  }
  if (sinks !== undefined && new Set(sinks).size < sinks.length) {
    throw faultyRequest([{ pointer: '/sinks', code: 'bad_field', message: '/sinks: each may be named once' }])
  }
  const question: RerunQuestion = {
    ...asked,
    sinks: sinks === undefined ? null : generationSinks.filter((sink) => sinks.includes(sink)),
    from: first === undefined ? null : Number(first),
    to: end === undefined ? null : Number(end),
    merchant: merchant === undefined ? null : (merchant as MerchantId),
    recovers: failed === undefined ? null : failed === true ? '' : failed,
    via: via ?? null,
    plan: plan ?? null,
  }
  return { question, dryRun }
}
