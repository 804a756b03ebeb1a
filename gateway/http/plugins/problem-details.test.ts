import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { describe, expect, it } from 'vitest'
import { errorEntry } from '../../../core/error-table.ts'
import {
  CorruptLogError,
  EngineUnavailableError,
  LogUnavailableError,
  RawBudgetError,
  StaleEpochError,
} from '../../../core/errors.ts'
import { ProblemError } from '../../core/problem.ts'
import { logRetryAfterSeconds, problemDetails, refuseAddress } from './problem-details.ts'

/** An instance whose route `/throws` throws `error`; collects codes and log lines. */
function setUp(error: unknown) {
  const codes: string[] = []
  const lines: string[] = []
  const app = Fastify({
    logger: { level: 'error', stream: { write: (line: string) => lines.push(line) } },
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: refuseAddress,
    bodyLimit: 100,
  })
  app.removeContentTypeParser('text/plain')
  app.register(problemDetails, { onProblem: (code) => codes.push(code) })
  // A sibling: the handler must reach it although plugins have instances of their own.
  app.register(async (sibling) => {
    sibling.get('/throws', async () => {
      throw error
    })
    sibling.get('/part/:part', async () => ({}))
    sibling.post('/body', async (request) => ({ got: request.body }))
    const name = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
    sibling.get('/checked', { schema: { querystring: name } }, async () => ({}))
  })
  return { app, codes, lines }
}

async function problemOf(error: unknown) {
  const { app, codes, lines } = setUp(error)
  const reply = await app.inject('/throws')
  return { reply, body: reply.json(), codes, lines }
}

describe('a problem', () => {
  it('is written as RFC 9457 with its code, its detail and its facts', async () => {
    const { reply, body, codes } = await problemOf(
      new ProblemError(409, 'merchant_exists', 'there is a merchant a', { merchant: 'a' }),
    )
    expect(reply.statusCode).toBe(409)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      code: 'merchant_exists',
      detail: 'there is a merchant a',
      merchant: 'a',
    })
    expect(codes).toEqual(['merchant_exists'])
  })

  it('keeps its own members whatever facts it is given', async () => {
    const { body } = await problemOf(new ProblemError(400, 'bad_query', 'text', { status: 1, code: 'x', detail: 'y' }))
    expect(body).toMatchObject({ status: 400, code: 'bad_query', detail: 'text' })
  })

  it('says with 429 and 503 when to come again, and with 401 how to name oneself', async () => {
    const patient = new ProblemError(503, 'overloaded', 'busy', {}, { retryAfterSeconds: 7 })
    expect((await problemOf(patient)).reply.headers['retry-after']).toBe('7')
    expect((await problemOf(new ProblemError(429, 'quota_exceeded', 'busy'))).reply.headers['retry-after']).toBe('1')
    expect((await problemOf(new ProblemError(404, 'not_found', 'no'))).reply.headers).not.toHaveProperty('retry-after')
    expect((await problemOf(new ProblemError(401, 'no_key', 'no'))).reply.headers['www-authenticate']).toBe('Bearer')
  })
})

describe('errors of the platform', () => {
  it.each([
    [new LogUnavailableError('full'), 503, 'log_unavailable', String(logRetryAfterSeconds)],
    [new EngineUnavailableError(), 503, 'engine_unavailable', '1'],
    [new RawBudgetError(30, 20), 422, 'raw_budget', undefined],
  ])('answer with their own status and code: %s', async (error, status, code, retryAfter) => {
    const { reply, body, lines } = await problemOf(error)
    expect(reply.statusCode).toBe(status)
    expect(body).toMatchObject({ status, code, detail: error.message })
    expect(reply.headers['retry-after']).toBe(retryAfter)
    expect(lines).toEqual([])
  })

  it('carry the numbers of a budget', async () => {
    expect((await problemOf(new RawBudgetError(30, 20))).body).toMatchObject({ rows: 30, budget: 20 })
  })

  it('that are none of the client are logged, and show it nothing', async () => {
    for (const error of [
      new CorruptLogError('/srv/data/log/1.log', 7, 'secret'),
      new StaleEpochError('secret'),
      new Error('secret'),
      Object.assign(new Error('secret'), { code: 'ENOENT', path: '/srv/data' }),
      Object.assign(new Error('secret'), { code: 'FST_ERR_X', statusCode: 500 }),
    ]) {
      const { reply, body, lines, codes } = await problemOf(error)
      expect(reply.statusCode).toBe(500)
      expect(body).toMatchObject({ code: 'internal', requestId: expect.any(String) })
      expect(reply.body).not.toMatch(/secret|srv|ENOENT/)
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain('secret')
      expect(lines[0]).toContain(body.requestId)
      expect(codes).toEqual(['internal'])
    }
  })

  it('and things thrown that are no errors at all are still a problem', async () => {
    for (const thrown of ['text', undefined, null, { status: 200 }]) {
      const { reply, body } = await problemOf(thrown)
      expect([reply.statusCode, body.code]).toEqual([500, 'internal'])
    }
  })
})

describe("the framework's own refusals", () => {
  const post = (app: FastifyInstance, payload: string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/body', payload, headers: { 'content-type': type } })

  it.each([
    ['broken JSON', '{', 'application/json', 400, 'bad_json'],
    ['an empty JSON body', '', 'application/json', 400, 'bad_json'],
    ['a prototype in JSON', '{"__proto__":{"x":1}}', 'application/json', 400, 'bad_json'],
    ['a body over the limit', `"${'x'.repeat(100)}"`, 'application/json', 413, 'body_too_large'],
    ['a content type nobody reads', 'hi', 'text/plain', 415, 'bad_content_type'],
    ['a content type that is none', 'hi', 'nonsense', 415, 'bad_content_type'],
  ])('have our codes: %s', async (_name, payload, type, status, code) => {
    const { app, codes } = setUp(undefined)
    const reply = await post(app, payload, type)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.json()).toMatchObject({ status, code })
    expect(reply.statusCode).toBe(status)
    expect(codes).toEqual([code])
  })

  it('name the parameter a schema refuses', async () => {
    const { app } = setUp(undefined)
    const reply = await app.inject('/checked?n=x')
    expect(reply.json()).toMatchObject({ status: 400, code: 'bad_query', errors: [{ pointer: '/n' }] })
  })

  it('answer an unknown address, and a known one under another method, with 404 and without the query string', async () => {
    const { app } = setUp(undefined)
    for (const [method, url] of [
      ['GET', '/nowhere?key=secret'],
      ['DELETE', '/body'],
    ] as const) {
      const reply = await app.inject({ method, url })
      expect(reply.json()).toMatchObject({ status: 404, code: 'not_found' })
      expect(reply.body).not.toContain('secret')
    }
  })

  it('answer a path that cannot be decoded, and one too long, with 400', async () => {
    const { app } = setUp(undefined)
    for (const url of ['/%zz', `/part/${'x'.repeat(101)}`]) {
      const reply = await app.inject(url)
      expect(reply.headers['content-type']).toBe('application/problem+json')
      expect(reply.json()).toMatchObject({ status: 400, code: 'bad_request' })
    }
  })
})

it('answers with no code that is not in the table', async () => {
  for (const code of ['not_found', 'body_too_large', 'bad_content_type', 'bad_json', 'bad_request', 'request_timeout'])
    expect(errorEntry(code)?.kinds, code).toContain('http')
})
