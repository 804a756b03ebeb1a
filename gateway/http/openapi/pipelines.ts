/** The routes that show pipelines. */
import { z } from 'zod'
import type { Operation, Parameter } from './operation.ts'

export const pipelineSummary = z.object({
  name: z.string(),
  hash: z
    .string()
    .meta({ description: 'Of the live version and data sets: the column `plan` of rows that are made now' }),
  live: z.string().meta({ description: 'Version of the plan by which hits are processed' }),
  release: z.string().meta({ description: 'Version of the plan of the release that answers' }),
  waits: z.boolean().meta({
    description: "The release's plan would make other numbers: the live one goes on until a rerun or `adopt`",
  }),
  runs: z.enum(['stream', 'bounded']),
  jobs: z.record(z.string(), z.array(z.string())).meta({ description: 'Tables, by the job that writes them' }),
})
export const pipelinesAnswer = z.object({ pipelines: z.array(pipelineSummary) })
export const planDocument = z
  .looseObject({ format: z.int(), name: z.string() })
  .meta({ description: 'A plan as JSON: what `hitlake explain --json` prints' })
export const pipelineAnswer = pipelineSummary.extend({
  dataSets: z.record(z.string(), z.string()).meta({ description: 'Versions of what its steps read' }),
  code: z
    .nullable(z.string())
    .meta({ description: 'Hash of the code that its steps call; null where the server runs from sources' }),
  plan: planDocument,
  text: z.string().meta({ description: 'The plan in words' }),
  mermaid: z.string().meta({ description: 'The plan as a Mermaid flowchart' }),
})
const verdict = z
  .enum(['same', 'redeploy', 'rebuild needed', 'breaking'])
  .meta({ description: 'The gravest of the changes, or of one' })
export const planDiffAnswer = z.object({
  verdict,
  changes: z.array(
    z.object({
      step: z.string(),
      what: z.string(),
      verdict,
      reason: z.string(),
      next: z.string().meta({ description: 'What whoever brings it in does' }),
    }),
  ),
  sinks: z.array(
    z.object({
      sink: z.string(),
      needs: z.enum(['nothing', 'rebuild', 'history', 'gone']),
      followedBy: z
        .array(z.string())
        .meta({ description: 'Tables that are derived of it: maintenance makes them again by itself' }),
    }),
  ),
})

const json = (schema: z.ZodType, examples?: Readonly<Record<string, unknown>>) => [
  { mediaType: 'application/json', schema, ...(examples && { examples }) },
]
const access = ['no_key', 'bad_key', 'forbidden', 'control_store_unavailable'] as const
const name: Parameter = {
  name: 'name',
  in: 'path',
  required: true,
  schema: z.string(),
  description: 'Of the pipeline',
  example: 'hits',
}

export const pipelineOperations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/admin/pipelines',
    tag: 'administration',
    id: 'listPipelines',
    summary: 'The pipelines of this release, and which of their plans are live',
    access: 'admin',
    answers: { 200: { description: 'All of them', content: json(pipelinesAnswer) } },
    problems: access,
  },
  {
    method: 'GET',
    path: '/v1/admin/pipelines/{name}',
    tag: 'administration',
    id: 'pipeline',
    summary: 'One pipeline: the plan that is live, in words, and drawn',
    access: 'admin',
    parameters: [name],
    answers: { 200: { description: 'The pipeline', content: json(pipelineAnswer) } },
    problems: [...access, 'not_found'],
  },
  {
    method: 'POST',
    path: '/v1/admin/pipelines/{name}/diff',
    tag: 'administration',
    id: 'diffPipeline',
    summary: 'What would follow from bringing another plan in where this one runs',
    access: 'admin',
    parameters: [name],
    body: {
      content: json(planDocument, { 'a plan that reads nothing': { format: 1, name: 'hits', steps: [], jobs: {} } }),
    },
    answers: { 200: { description: 'Each change, and what each sink needs', content: json(planDiffAnswer) } },
    problems: [...access, 'bad_json', 'bad_content_type', 'body_too_large', 'bad_query', 'not_found'],
  },
  {
    method: 'POST',
    path: '/v1/admin/pipelines/{name}/adopt',
    tag: 'administration',
    id: 'adoptPipeline',
    summary:
      "From the next epoch on hits are processed by this release's plan; rows of the past stay as they were made",
    access: 'admin',
    parameters: [name],
    answers: {
      200: {
        description: 'The pipeline as it is now; the same where it was adopted before',
        content: json(pipelineSummary),
      },
    },
    problems: [...access, 'bad_json', 'bad_content_type', 'body_too_large', 'not_found', 'plan_breaking'],
  },
]
