/** `/v1/admin/pipelines`: what the plans of this release do, and what another plan would change. Needs an admin key. */
import type { FastifyPluginCallback } from 'fastify'
import { InvalidPlanError, UnreadablePlanError } from '../../../core/errors.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { faultyRequest, ProblemError } from '../../core/problem.ts'
import { adminBodyMaxBytes, requireAdmin } from './admin-access.ts'

export interface PipelineSummary {
  readonly name: string
  /** Of plan and data sets: the column `plan` of rows. */
  readonly hash: string
  readonly runs: 'stream' | 'bounded'
  /** Tables, by job; a bounded plan has none. */
  readonly jobs: Readonly<Record<string, readonly string[]>>
}

export interface PipelineView extends PipelineSummary {
  readonly dataSets: Readonly<Record<string, string>>
  /** As JSON. */
  readonly plan: object
  readonly text: string
  readonly mermaid: string
}

/** The pipelines of this release; gateways show them and know nothing else of them. */
export interface PipelineCatalog {
  list(): Promise<readonly PipelineSummary[]>
  find(name: string): Promise<PipelineView | undefined>
  /**
   * What follows from bringing `plan` in where the pipeline runs.
   * @throws UnreadablePlanError, InvalidPlanError where it is no plan
   */
  diff(name: string, plan: unknown): Promise<object>
}

export interface AdminPipelinesOptions {
  readonly keys: KeyDirectory
  readonly pipelines: PipelineCatalog
}

interface Route {
  Params: { name: string }
}

export const adminPipelinesRoutes: FastifyPluginCallback<AdminPipelinesOptions> = (app, options, done) => {
  const { keys, pipelines } = options
  requireAdmin(app, keys)

  app.get('/v1/admin/pipelines', async () => ({ pipelines: await pipelines.list() }))

  app.get<Route>('/v1/admin/pipelines/:name', async ({ params }) => {
    const found = await pipelines.find(params.name)
    if (found === undefined) throw unknown(params.name)
    return found
  })

  const limits = { bodyLimit: adminBodyMaxBytes }
  app.post<Route>('/v1/admin/pipelines/:name/diff', limits, async ({ params, body }) => {
    if ((await pipelines.find(params.name)) === undefined) throw unknown(params.name)
    try {
      return await pipelines.diff(params.name, body)
    } catch (error) {
      throw refusal(error)
    }
  })
  done()
}

function unknown(name: string): ProblemError {
  return new ProblemError(404, 'not_found', `there is no pipeline '${name}'`)
}

function refusal(error: unknown): unknown {
  if (error instanceof UnreadablePlanError) {
    return faultyRequest([{ pointer: error.pointer, code: 'bad_query', message: error.message }])
  }
  if (!(error instanceof InvalidPlanError)) return error
  return faultyRequest([{ pointer: '', code: 'bad_query', message: error.message }])
}
