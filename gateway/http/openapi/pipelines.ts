/** The routes that show pipelines. */
import { z } from 'zod'
import type { Operation, Parameter } from './operation.ts'

const summary = z.object({
  name: z.string(),
  hash: z.string().meta({ description: 'Of plan and data sets: the column `plan` of rows' }),
  runs: z.enum(['stream', 'bounded']),
  jobs: z.record(z.string(), z.array(z.string())).meta({ description: 'Tables, by the job that writes them' }),
})
export const pipelinesAnswer = z.object({ pipelines: z.array(summary) })
export const planDocument = z
  .looseObject({ format: z.int(), name: z.string() })
  .meta({ description: 'A plan as JSON: what `hitlake explain --json` prints' })
export const pipelineAnswer = summary.extend({
  dataSets: z.record(z.string(), z.string()).meta({ description: 'Versions of what its steps read' }),
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
  sinks: z.array(z.object({ sink: z.string(), needs: z.enum(['nothing', 'rebuild', 'history', 'gone']) })),
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
    summary: 'The pipelines of this release',
    access: 'admin',
    answers: { 200: { description: 'All of them', content: json(pipelinesAnswer) } },
    problems: access,
  },
  {
    method: 'GET',
    path: '/v1/admin/pipelines/{name}',
    tag: 'administration',
    id: 'pipeline',
    summary: 'One pipeline: its plan, in words, and drawn',
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
]
