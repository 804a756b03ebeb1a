import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProblemError } from '../problem.ts'
import { maxFaults } from './faults.ts'
import { filterMaxDepth, filterMaxLeaves, filterMaxValues, filterValueMaxLength } from './filter.ts'
import { maxDimensions, maxLimit, parseQuery } from './parse-query.ts'

const context = { merchantZone: 'Europe/Berlin', nowMs: Date.parse('2026-04-05T06:07:08.009Z') }
const parse = (body: unknown) => parseQuery(body, context)
const ok = (more: object) => parse({ dateRange: '7d', ...more })

function refused(body: unknown) {
  try {
    parse(body)
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    const { errors, allowed } = error.extra as { errors: { pointer: string }[]; allowed?: string[] }
    return { status: error.status, code: error.code, pointers: errors.map(({ pointer }) => pointer), allowed }
  }
  throw new Error('was not refused')
}

const leafOf = (value: unknown = '/') => ['is', 'page', [value]]
const leaves = (count: number) => Array.from({ length: count }, () => leafOf())
/** A filter of this many levels. */
const nested = (levels: number): unknown => (levels === 1 ? leafOf() : ['not', nested(levels - 1)])

describe('a question that is not as it should be', () => {
  it.each([
    [null, 'bad_query', ['']],
    [[], 'bad_query', ['']],
    ['7d', 'bad_query', ['']],
    [{}, 'bad_query', ['/dateRange']],
    [{ dateRange: '8d' }, 'bad_query', ['/dateRange']],
    [{ dateRange: ['2026-01-01'] }, 'bad_query', ['/dateRange']],
    [{ dateRange: ['2026-01-01', '2026-13-01'] }, 'bad_query', ['/dateRange/1']],
    [{ dateRange: ['2026-01-02', '2026-01-01'] }, 'bad_query', ['/dateRange/1']],
    [{ dateRange: ['2026-01-02', '2026-01-03T00:00:00Z'] }, 'bad_query', ['/dateRange/1']],
    [{ dateRange: '7d', metrics: ['hits', 'bounces'] }, 'unknown_metric', ['/metrics']],
    [{ dateRange: '7d', metrics: 'hits' }, 'unknown_metric', ['/metrics']],
    [{ dateRange: '7d', metrics: [] }, 'unknown_metric', ['/metrics']],
    [{ dateRange: '7d', metrics: ['toString'] }, 'unknown_metric', ['/metrics']],
    [{ dateRange: '7d', dimensions: ['page', 'paeg'] }, 'unknown_dimension', ['/dimensions/1']],
    [{ dateRange: '7d', dimensions: ['time:minute', 7] }, 'unknown_dimension', ['/dimensions/0', '/dimensions/1']],
    [{ dateRange: '7d', dimensions: ['props.'] }, 'unknown_dimension', ['/dimensions/0']],
    [{ dateRange: '7d', dimensions: [`props.${'x'.repeat(65)}`] }, 'unknown_dimension', ['/dimensions/0']],
    [{ dateRange: '7d', dimensions: ['props.a\n'] }, 'unknown_dimension', ['/dimensions/0']],
    [{ dateRange: '7d', dimensions: ['props.\ud800'] }, 'unknown_dimension', ['/dimensions/0']],
    [{ dateRange: '7d', dimensions: ['page', 'page'] }, 'bad_query', ['/dimensions/1']],
    [{ dateRange: '7d', dimensions: ['time:day', 'time:hour'] }, 'bad_query', ['/dimensions/1']],
    [{ dateRange: '7d', timeZone: 'Mars/Olympus' }, 'unknown_zone', ['/timeZone']],
    [{ dateRange: '7d', timeZone: 1 }, 'unknown_zone', ['/timeZone']],
    [{ dateRange: '7d', limit: '5' }, 'bad_query', ['/limit']],
    [{ dateRange: '7d', limit: 1.5 }, 'bad_query', ['/limit']],
    [{ dateRange: '7d', orderBy: [['revenue', 'asc']] }, 'bad_query', ['/orderBy/0']],
    [{ dateRange: '7d', orderBy: [['hits', 'up']] }, 'bad_query', ['/orderBy/0']],
    [{ dateRange: '7d', orderBy: 'hits' }, 'bad_query', ['/orderBy']],
    [{ dateRange: '7d', compare: 'last_week' }, 'bad_query', ['/compare']],
    [{ dateRange: '7d', compare: ['2026-01-01', 'x'] }, 'bad_query', ['/compare/1']],
    [{ dateRange: 'all', compare: 'previous_year' }, 'bad_query', ['/compare']],
    [{ dateRange: '7d', merchnat: 'a' }, 'bad_query', ['/merchnat']],
    [{ dateRange: '7d', 'a/b~c': 1 }, 'bad_query', ['/a~1b~0c']],
    [{ metrics: ['x'], timeZone: 'y', limit: 0 }, 'bad_query', ['/metrics', '/timeZone', '/dateRange', '/limit']],
  ])('%j is %s at %j', (body, code, pointers) => {
    expect(refused(body)).toMatchObject({ status: 400, code, pointers })
  })

  it.each([
    [{ is: 1 }, '/filters'],
    [['is', 'page', ['/']], '/filters/0'],
    [[['equals', 'page', ['/']]], '/filters/0/0'],
    [[['is', 'page']], '/filters/0'],
    [[['is', 'page', []]], '/filters/0/2'],
    [[['is', 'page', '/']], '/filters/0/2'],
    [[['is', 'page', [{}]]], '/filters/0/2/0'],
    [[['is', 'page', ['a', '\ud83d']]], '/filters/0/2/1'],
    [[['is', 'page', ['\0']]], '/filters/0/2/0'],
    [JSON.parse('[["is", "page", [-1e999]]]'), '/filters/0/2/0'],
    [[['and', []]], '/filters/0'],
    [[['and', leafOf()]], '/filters/0/1/0'],
    [[['or', [leafOf(), ['not']]]], '/filters/0/1/1'],
    [[['not', leafOf(), leafOf()]], '/filters/0'],
  ])('filters %j are refused at %s', (filters, pointer) => {
    expect(refused({ dateRange: '7d', filters })).toMatchObject({ code: 'bad_query' })
    expect(refused({ dateRange: '7d', filters }).pointers[0]).toBe(pointer)
  })

  it('names what would be allowed', () => {
    expect(refused({ dateRange: '7d', metrics: ['x'] }).allowed).toContain('bounce_rate')
    expect(refused({ dateRange: '7d', dimensions: ['x'] }).allowed).toEqual(
      expect.arrayContaining(['time:week', 'page', 'os', 'props.<key>']),
    )
    expect(refused({ dateRange: '7d', filters: [['is', 'time:day', ['x']]] }).allowed).not.toContain('time:day')
    expect(refused({ dateRange: '7d', timeZone: 'x' }).allowed).toContain('Europe/Berlin')
  })

  it('has its limits, each held to the last', () => {
    ok({ filters: leaves(filterMaxLeaves) })
    expect(refused({ dateRange: '7d', filters: leaves(filterMaxLeaves + 1) }).pointers).toEqual(['/filters'])
    const two = [
      ['and', leaves(10)],
      ['or', leaves(10)],
    ]
    ok({ filters: two })
    expect(refused({ dateRange: '7d', filters: [...two, leafOf()] }).pointers).toEqual(['/filters/2'])
    ok({ filters: [nested(filterMaxDepth)] })
    expect(refused({ dateRange: '7d', filters: [nested(filterMaxDepth + 1)] }).pointers).toHaveLength(1)
    const values = Array.from({ length: filterMaxValues }, (_, i) => i)
    ok({ filters: [['is', 'page', values]] })
    expect(refused({ dateRange: '7d', filters: [['is', 'page', [...values, 'x']]] }).pointers).toEqual(['/filters/0/2'])
    ok({ filters: [leafOf('x'.repeat(filterValueMaxLength))] })
    expect(refused({ dateRange: '7d', filters: [leafOf('x'.repeat(filterValueMaxLength + 1))] }).code).toBe('bad_query')
    ok({ limit: maxLimit })
    expect(refused({ dateRange: '7d', limit: maxLimit + 1 }).pointers).toEqual(['/limit'])
    const dimensions = Array.from({ length: maxDimensions + 1 }, (_, i) => `props.${'x'.repeat(64 - i)}`)
    ok({ dimensions: dimensions.slice(1) })
    expect(refused({ dateRange: '7d', dimensions }).pointers).toEqual(['/dimensions'])
    const wrong = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`field${i}`, 1]))
    expect(refused(wrong).pointers).toHaveLength(maxFaults)
  })

  it('of any JSON is refused with 400 or understood, never worse', () => {
    const fields = [
      'metrics',
      'dateRange',
      'dimensions',
      'filters',
      'timeZone',
      'orderBy',
      'compare',
      'limit',
      'cursor',
    ]
    const word = fc.constantFrom(
      'is',
      'and',
      'not',
      'page',
      'hits',
      '7d',
      'all',
      'time:day',
      'props.x',
      '2026-01-01',
      'asc',
    )
    const any = fc.oneof(word, fc.jsonValue(), fc.array(fc.oneof(word, fc.jsonValue(), fc.array(word))))
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...fields), any), (body) => {
        try {
          parse(body)
        } catch (error) {
          expect(error).toBeInstanceOf(ProblemError)
          expect((error as ProblemError).status).toBe(400)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a question that is understood', () => {
  it('has every default filled in', () => {
    expect(parse({ dateRange: ['2026-04-01', '2026-04-01'] })).toMatchObject({
      metrics: ['hits', 'pageviews', 'visitors'],
      dimensions: [],
      unit: null,
      filter: null,
      zone: 'Europe/Berlin',
      orderBy: [{ name: 'hits', direction: 'desc' }],
      limit: 100,
      comparison: undefined,
    })
    expect(ok({ dimensions: ['page', 'time:week'], metrics: ['orders', 'orders'] })).toMatchObject({
      metrics: ['orders'],
      values: ['page'],
      unit: 'week',
      orderBy: [{ name: 'time:week', direction: 'asc' }],
    })
  })

  it('has the same filter for the same condition: values sorted, each once, as text, none as empty', () => {
    const filter = { op: 'is', dimension: 'props.size', values: ['', '1.5', 'b', 'true'] }
    expect(ok({ filters: [['is', 'props.size', ['b', true, null, 1.5, 'b', '']]] }).filter).toEqual(filter)
    expect(ok({ filters: [['and', [['is', 'props.size', [null, 'true', 'b', 1.5]]]]] }).filter).toEqual(filter)
    expect(ok({ filters: [] }).filter).toBeNull()
    expect(ok({ filters: [leafOf('a'), ['not', leafOf('b')]] }).filter).toEqual({
      op: 'and',
      filters: [
        { op: 'is', dimension: 'page', values: ['a'] },
        { op: 'not', filter: { op: 'is', dimension: 'page', values: ['b'] } },
      ],
    })
  })
})
