import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { errorEntry, errorsPage, errorTable } from './error-table.ts'
import * as errors from './errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = ['core', 'pipelines', 'gateway', 'lakehouse', 'schemas', 'cli'].flatMap((area) =>
  readdirSync(join(root, area), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(test|contract)\.ts$/.test(file))
    .map((file) => ({ file: join(area, file), text: readFileSync(join(root, area, file), 'utf8') })),
)

const textOf = (file: string) => sources.find((each) => each.file === file)?.text ?? ''

/** Every code that a pattern's first group finds in the sources, with the file it stands in. */
function codesIn(pattern: RegExp): { code: string; file: string }[] {
  return sources.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].flatMap(([, code]) => (code === undefined ? [] : [{ code, file }])),
  )
}

describe('the table of errors', () => {
  it('has each code once', () => {
    const codes = errorTable.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })

  it('has every code that an error class of the tree carries, with its own word on trying again', () => {
    const classes = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/readonly code = '([^']+)'\s+(?:override )?readonly retry(?:: Retry)? = '([^']+)'/g)].map(
        ([, code = '', retry]) => ({ file, code, retry }),
      ),
    )
    expect(classes.length).toBe(codesIn(/readonly code = '([^']+)'/g).length)
    expect(classes.length).toBeGreaterThanOrEqual(Object.keys(errors).length - 1)
    for (const { file, code, retry } of classes) {
      expect(errorEntry(code), `${code} of ${file}`).toMatchObject({ code, retry })
    }
  })

  it('has every code that a problem is thrown with, with the same status', () => {
    const thrown = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/new ProblemError\(\s*(\d{3}),\s*'([^']+)'/g)].map(([, status, code = '']) => ({
        file,
        code,
        status: Number(status),
      })),
    )
    expect(thrown.length).toBeGreaterThan(10)
    for (const { file, code, status } of thrown) {
      expect(errorEntry(code), `${code} of ${file}`).toMatchObject({ status, kinds: expect.arrayContaining(['http']) })
    }
  })

  it('has the rejections of a hit that the collector knows, and no others', () => {
    const [, union = ''] =
      /export type RefusalCode =([^\n]*(?:\n {2}\|[^\n]*)*)/.exec(textOf('core/hit/explain-refusal.ts')) ?? []
    const known = [...union.matchAll(/'([^']+)'/g)].map(([, code]) => code)
    const listed = errorTable.filter(({ kinds }) => kinds.includes('rejection')).map(({ code }) => code)
    expect(listed.sort()).toEqual(known.sort())
  })

  it('has every code the public contract names', () => {
    const named =
      'no_key bad_key forbidden body_too_large too_many_hits hit_too_large too_deep bad_json no_hits bad_content_type ' +
      'bad_field unknown_field bad_amount bad_currency too_old merchant_exists too_many_buckets zone_not_aligned bad_query ' +
      'unknown_metric unknown_dimension unknown_zone'
    for (const code of named.split(' ')) expect(errorEntry(code), code).toBeDefined()
  })

  it('gives a status to whatever answers a request, and to nothing else', () => {
    for (const { code, kinds, status } of errorTable) {
      expect(status !== null, code).toBe(kinds.includes('http'))
      expect(kinds.length, code).toBeGreaterThan(0)
    }
  })

  it('asks nobody to repeat unchanged what will be refused again', () => {
    for (const { code, status, retry } of errorTable) {
      if (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429) {
        expect(retry, code).toBe('never')
      }
      if (status === 503) expect(retry, code).toBe('afterBackoff')
    }
  })

  it('is the page of the reference', () => {
    expect(readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')).toBe(errorsPage())
  })
})
