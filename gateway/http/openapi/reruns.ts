/** The routes of reruns. */
import { z } from 'zod'
import { generationSinks } from '../../../core/generations.ts'
import { rerunStates } from '../../../core/ports/rerun-store.ts'
import { generationMetrics } from '../../../core/ports/rerun-work.ts'
import { newRerun, type RerunVerb, rerunVerbRequest, rerunVerbs } from '../../core/rerun-requests.ts'
import { access, bodies, json } from './admin-parts.ts'
import type { Operation, Parameter } from './operation.ts'

export { newRerun }

const counted = z.int()
const state = z.enum(rerunStates)
const day = z.string().nullable().meta({ description: 'A UTC date; null: without end' })
const sinks = z.array(z.enum(generationSinks))
const bySink = <T extends z.ZodType>(value: T) => z.partialRecord(z.enum(generationSinks), value)
const verb = z.enum(rerunVerbs)
const decimal = z.string().meta({ description: 'A decimal; revenue in micros' })

export const planAnswer = z.object({
  generation: counted.meta({ description: 'Of the rows it makes; of a dry run the next one' }),
  snapshot: z.string(),
  publish: counted.meta({ description: 'The snapshot holds all publications up to this one' }),
  places: counted,
  splits: counted.meta({ description: 'Parts that are made one after the other, what came since left out' }),
  rows: counted.meta({ description: 'To be read, about' }),
  bytes: counted,
  firstDay: day,
  lastDay: day,
  buckets: counted.meta({ description: 'Hours of a merchant that may change, at most about' }),
  methods: bySink(z.enum(['operators', 'sql'])),
  methodReasons: bySink(z.string()),
  plan: z.object({
    live: z.string().nullable().meta({ description: 'Version that answers by default; null: not recorded yet' }),
    rerun: z.string().meta({ description: 'Version that is run' }),
  }),
  dataSets: z.enum(['recorded', 'today']),
  zones: z.enum(['recorded', 'today']),
  goesOnCosting: z.string(),
})

const metric = z.object({
  metric: z.enum(generationMetrics),
  breakdown: z.string(),
  buckets: counted.meta({ description: 'Compared' }),
  changed: counted,
  before: decimal,
  after: decimal,
  largest: z
    .object({
      merchant: z.string(),
      bucket: z.string(),
      breakdown: z.string(),
      value: z.string(),
      before: decimal,
      after: decimal,
    })
    .nullable()
    .meta({ description: 'The largest difference' }),
})
export const diffAnswer = z.object({
  at: z.string(),
  snapshot: z.string().nullable().meta({ description: 'Of `hourly`' }),
  total: z.array(metric),
  merchants: z
    .array(z.object({ merchant: z.string(), metrics: z.array(metric) }))
    .meta({ description: 'Those that changed most; only what changed' }),
  merchantsCompared: counted,
  merchantsChanged: counted,
})

const summary = z.object({
  id: counted,
  generation: counted,
  pipeline: z.string(),
  state,
  rests: state.nullable().meta({ description: 'Of `paused` and `failed`: where it goes on' }),
  snapshot: z.string(),
  sinks,
  firstDay: day,
  lastDay: day,
  merchant: z.string().nullable().meta({ description: 'null: all, or more than one' }),
  by: z.string(),
  createdAt: z.string(),
  movedAt: z.string(),
  possible: z.array(verb).meta({ description: 'What may be done with it' }),
})
export const rerunsAnswer = z.object({
  reruns: z.array(summary),
  next: counted.optional().meta({ description: '`before` of the next page' }),
})
const part = z.object({ done: counted, of: counted })
export const rerunAnswer = summary.extend({
  request: z.object({
    plan: z.string(),
    via: z.enum(['stream', 'sql']).nullable(),
    dataSets: z.enum(['recorded', 'today']),
    zones: z.enum(['recorded', 'today']),
    recovers: z.string().nullable().meta({ description: 'Reason of the refused hits that it is for; empty: any' }),
    promote: z.enum(['manual', 'auto']),
    places: z.array(z.object({ merchant: z.string().nullable(), firstDay: day, lastDay: day })),
    placesInAll: counted,
  }),
  plan: planAnswer.nullable(),
  progress: z
    .object({
      phase: z.enum(['backfill', 'catch-up']),
      splits: part,
      rows: part,
      rowsPerSecond: z.number().nullable(),
      secondsLeft: counted.nullable().meta({ description: 'Of the phase' }),
    })
    .nullable(),
  outcome: z
    .object({
      splits: counted.meta({ description: 'That it is of' }),
      splitsDone: counted.meta({ description: 'All; of those that ended as a process died it may know nothing' }),
      rowsRead: counted,
      stored: counted,
      failed: z.record(z.string(), counted),
      dropped: z.record(z.string(), counted),
    })
    .nullable(),
  waits: z.string().nullable(),
  trouble: z
    .object({ code: z.string(), says: z.string(), since: z.string(), tries: counted })
    .nullable()
    .meta({ description: 'What keeps it; it is tried again' }),
  diff: diffAnswer.nullable().meta({ description: 'Once it is ready: what answers there, and its own numbers' }),
  noDiff: z.string().nullable().meta({ description: 'Why there is none' }),
  writing: z
    .array(z.object({ generation: counted, plan: z.string().nullable(), sinks }))
    .meta({ description: "What the pipeline's jobs write now; each beside the first costs its share" }),
  bothForDays: counted.nullable().meta({ description: 'Days that both plans run, from a week on' }),
  events: z.array(z.object({ at: z.string(), state, by: z.string(), note: z.string().nullable() })),
})
export const recordedAnswer = z.object({ id: counted, state, plan: planAnswer })
export const dryRunAnswer = z.object({
  plan: planAnswer,
  inTheWay: counted
    .nullable()
    .meta({ description: 'A rerun that is not over and meets this one: while it is there it is refused' }),
})

const id = (example: number): Parameter => ({
  name: 'id',
  in: 'path',
  required: true,
  schema: counted,
  description: 'Its number',
  example,
})

const verbDocs: Readonly<Record<RerunVerb, { readonly summary: string; readonly description?: string }>> = {
  promote: {
    summary: 'Let its generation answer, at once',
    description:
      'From `ready` or `rolled_back`. Nothing is copied; the generation map changes, and every cell of its places with it.',
  },
  rollback: {
    summary: 'Let what answered before answer again, at once',
    description: 'From `promoted`, at any time before it is released: both plans have gone on running.',
  },
  release: {
    summary: 'Keep it for good',
    description:
      'From `promoted`. What it replaces is written no more, and removed; it cannot be rolled back any more.',
  },
  pause: { summary: 'Rest; the part under way is begun again later' },
  resume: { summary: 'Go on from where it was paused or failed' },
  cancel: {
    summary: 'Give it up',
    description:
      'From any state but `promoted` and `released`. Its rows are removed by maintenance; nobody reads them.',
  },
}
/** Of the examples: each in a state from which the verb leads. */
const exampleIds: Readonly<Record<RerunVerb, number>> = {
  promote: 1,
  rollback: 2,
  release: 3,
  pause: 4,
  resume: 5,
  cancel: 6,
}

export const rerunOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/admin/reruns',
    tag: 'administration',
    id: 'createRerun',
    summary: "Make a pipeline's past anew by another plan, beside what answers",
    description:
      'Live traffic goes on meanwhile. Nothing that is asked changes before it is promoted. With `dryRun` nothing is recorded.',
    access: 'admin',
    body: {
      content: json(newRerun, {
        'only say what it would do and cost': { pipeline: 'hits', snapshot: '1', dryRun: true },
        'two days of one shop, hours only': {
          pipeline: 'hits',
          snapshot: '1',
          sinks: ['hourly'],
          from: '2026-03-01',
          to: '2026-03-02',
          merchant: 'shop',
          by: 'ticket 51',
        },
        'hits that were refused as bad_currency': {
          pipeline: 'hits',
          snapshot: '1',
          failed: 'bad_currency',
          from: '2026-04-01',
          to: '2026-04-01',
        },
      }),
    },
    answers: {
      200: { description: 'A dry run: what it would do and cost', content: json(dryRunAnswer) },
      202: { description: 'Recorded', headers: ['Location'], content: json(recordedAnswer) },
    },
    problems: [
      ...access,
      ...bodies,
      'not_found',
      'rerun_refused',
      'rerun_overlaps',
      'too_many_reruns',
      'zone_settling',
      'engine_unavailable',
    ],
  },
  {
    method: 'GET',
    path: '/v1/admin/reruns',
    tag: 'administration',
    id: 'listReruns',
    summary: 'Reruns, newest first, a page',
    access: 'admin',
    parameters: [
      {
        name: 'state',
        in: 'query',
        schema: z.literal('open'),
        description: 'Those that are not over',
        example: 'open',
      },
      { name: 'before', in: 'query', schema: counted, description: 'The last number of the page before', example: 9 },
    ],
    answers: { 200: { description: 'The page', content: json(rerunsAnswer) } },
    problems: [...access, 'bad_query'],
  },
  {
    method: 'GET',
    path: '/v1/admin/reruns/{id}',
    tag: 'administration',
    id: 'rerun',
    summary: 'One rerun: how far it is, what it changes, its history',
    access: 'admin',
    parameters: [id(1)],
    answers: { 200: { description: 'The rerun', content: json(rerunAnswer) } },
    problems: [...access, 'not_found'],
  },
  ...rerunVerbs.map(
    (each): Operation => ({
      method: 'POST',
      path: `/v1/admin/reruns/{id}/${each}`,
      tag: 'administration',
      id: `${each}Rerun`,
      ...verbDocs[each],
      access: 'admin',
      parameters: [id(exampleIds[each])],
      body: {
        content: json(rerunVerbRequest, { 'with a word for the history': { by: 'ada', note: 'as agreed' } }),
        optional: true,
      },
      answers: { 200: { description: 'The rerun as it is now', content: json(rerunAnswer) } },
      problems: [...access, ...bodies, 'not_found', 'rerun_state'],
    }),
  ),
]
