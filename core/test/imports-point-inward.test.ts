/**
 * Dependencies point inward: `core <- plan, runtime, http <- adapters <- bin`. Reads every import of the tree, so a file
 * in the wrong place fails here and not in a review.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { importedNames } from '../../infra/test/imported-names.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Import {
  readonly from: string
  /** Path from the root for ours, else the name of the package or `node:…`. */
  readonly to: string
}

const areas = ['core', 'schemas', 'pipelines', 'gateway', 'lakehouse', 'cli', 'bench', 'loadtest']
const files = areas
  .filter((area) => existsSync(join(root, area)))
  .flatMap((area) =>
    readdirSync(join(root, area), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(area, file)),
  )
/** Tests, contract suites, and what serves only them. */
const isTest = (file: string) => /(\.(test|contract)|-under-test)\.ts$/.test(file) || /(^|\/)test\//.test(file)
const products = files.filter((file) => !isTest(file))
const imports = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')))
const productImports = imports.filter(({ from }) => !isTest(from))

function importsOf(file: string, text: string): Import[] {
  return importedNames(file, text).map((name) => ({
    from: file,
    to: name.startsWith('.') ? relative(root, join(root, dirname(file), name)) : name,
  }))
}

const isOurs = ({ to }: Import) =>
  files.includes(to) || /^(core|schemas|pipelines|gateway|lakehouse|cli|bench)\//.test(to)
const areaOf = (file: string) => file.split('/')[0] ?? ''
/** Adapters and bins touch the world; all else takes it as an argument. */
const isOuter = (file: string) => /(^|\/)(adapters|bin)\//.test(file) || /^(cli|bench|loadtest)\//.test(file)
const shown = (found: readonly Import[]) => found.map(({ from, to }) => `${from} imports ${to}`)

const area = (name: string) => (file: string) => areaOf(file) === name
const isHttp = (file: string) => file.startsWith('gateway/http/') || file === 'gateway/app.ts'
const isInnerOf = (file: string) => /^(gateway|pipelines|lakehouse)\/core\//.test(file)

/** Libraries that compute and touch nothing: allowed everywhere. */
const pure = [
  'apache-arrow',
  'avsc',
  'bowser',
  'ipaddr.js',
  'isbot',
  'lru-cache',
  'mmdb-lib',
  'temporal-polyfill',
  'xxhash-wasm',
  'zod',
]
/** Parts of Node that compute and touch nothing. */
const pureNode = ['node:buffer', 'node:crypto', 'node:zlib', 'node:util', 'node:events', 'node:assert']
const httpNode = ['node:http', 'node:net', 'node:stream']
// The schemas are read once, when their module loads, from the .avsc files that lie beside it.
const schemaNode = ['node:fs', 'node:url']

interface Rule {
  readonly says: string
  readonly breaks: (each: Import) => boolean
  /** An import that the rule must find: a rule that finds nothing anywhere would hold of any tree. */
  readonly found: Import
}

const leadsElsewhere = (from: string, allowed: readonly string[]) => (each: Import) =>
  area(from)(each.from) && isOurs(each) && !allowed.includes(areaOf(each.to))

const rules: readonly Rule[] = [
  {
    says: 'of core lead to core and the schemas',
    breaks: leadsElsewhere('core', ['core', 'schemas']),
    found: { from: 'core/hit.ts', to: 'gateway/app.ts' },
  },
  {
    says: 'of the schemas lead to core and the schemas',
    breaks: leadsElsewhere('schemas', ['core', 'schemas']),
    found: { from: 'schemas/tables.ts', to: 'lakehouse/core/x.ts' },
  },
  {
    says: 'of pipelines lead to no other area than core and schemas',
    breaks: leadsElsewhere('pipelines', ['pipelines', 'core', 'schemas']),
    found: { from: 'pipelines/jobs/x.ts', to: 'gateway/core/problem.ts' },
  },
  {
    says: 'of gateway lead to no other area than core and schemas',
    breaks: leadsElsewhere('gateway', ['gateway', 'core', 'schemas']),
    found: { from: 'gateway/core/problem.ts', to: 'pipelines/jobs/x.ts' },
  },
  {
    says: 'of lakehouse lead to no other area than core and schemas',
    breaks: leadsElsewhere('lakehouse', ['lakehouse', 'core', 'schemas']),
    found: { from: 'lakehouse/adapters/x.ts', to: 'pipelines/jobs/x.ts' },
  },
  {
    says: 'lead to an adapter or the CLI only from an outer file',
    breaks: (each) => isOurs(each) && isOuter(each.to) && !isOuter(each.from),
    found: { from: 'core/hit.ts', to: 'core/adapters/node/x.ts' },
  },
  {
    says: 'lead to a bin from nowhere',
    breaks: (each) => isOurs(each) && /(^|\/)bin\//.test(each.to),
    found: { from: 'cli/embedded/start.ts', to: 'cli/bin/hitlake.ts' },
  },
  {
    says: 'lead from http, plan, runtime and jobs to core and never back',
    breaks: (each) => isInnerOf(each.from) && isOurs(each) && /\/(http|plan|runtime|jobs)\//.test(each.to),
    found: { from: 'gateway/core/problem.ts', to: 'gateway/http/routes/health.ts' },
  },
  {
    says: 'lead to a test or a contract suite only from tests, benchmarks and load tests',
    breaks: (each) => isOurs(each) && isTest(each.to) && !area('bench')(each.from) && !area('loadtest')(each.from),
    found: { from: 'core/hit.ts', to: 'core/ports/lake.contract.ts' },
  },
  {
    says: 'of libraries in inner files are of pure ones, or of the web framework where it is http',
    breaks: ({ from, to }) =>
      !isOuter(from) &&
      !isOurs({ from, to }) &&
      !to.startsWith('node:') &&
      !pure.includes(to) &&
      !(
        isHttp(from) &&
        ['fastify', '@fastify/swagger', '@fastify/swagger-ui', '@fastify/websocket', 'prom-client'].includes(to)
      ),
    found: { from: 'gateway/core/problem.ts', to: 'fastify' },
  },
  {
    says: 'of Node in inner files do no input or output, but for http',
    breaks: ({ from, to }) => {
      if (isOuter(from) || !to.startsWith('node:')) return false
      const beyond = isHttp(from) ? httpNode : from.startsWith('schemas/avro/') ? schemaNode : []
      return ![...pureNode, ...beyond].includes(to)
    },
    found: { from: 'lakehouse/core/x.ts', to: 'node:fs' },
  },
  {
    says: 'of Node are named with node:',
    breaks: ({ to }) => builtinModules.includes(to),
    found: { from: 'cli/bin/hitlake.ts', to: 'fs' },
  },
]

describe('imports', () => {
  it('are read at all, of every kind', () => {
    expect(files.length).toBeGreaterThan(40)
    expect(imports.length).toBeGreaterThan(100)
    const sample =
      "import { a } from './a.ts'\nexport * from '../core/b.ts'\nconst c = await import('./c.ts')\nimport './d.ts'\n" +
      "import type { E } from './e.ts'\n// import './f.ts'\nconst g = \"import './g.ts'\""
    expect(importsOf('cli/x.ts', sample).map(({ to }) => to)).toEqual([
      'cli/a.ts',
      'core/b.ts',
      'cli/c.ts',
      'cli/d.ts',
      'cli/e.ts',
    ])
  })

  it('of our own files name a file that exists, with its extension', () => {
    const lost = imports.filter((each) => isOurs(each) && !/\.(json|avsc)$/.test(each.to) && !files.includes(each.to))
    expect(shown(lost)).toEqual([])
  })

  it.each(rules)('$says', ({ breaks, found }) => {
    expect(breaks(found)).toBe(true)
    expect(shown(productImports.filter(breaks))).toEqual([])
  })
})

describe('the world', () => {
  const reads = (pattern: RegExp, where: (file: string) => boolean) =>
    products.filter((file) => where(file) && pattern.test(codeOf(readFileSync(join(root, file), 'utf8'))))

  it('is not asked for the time, a random number or a timer but by adapters', () => {
    const asks =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(Timeout|Interval|Immediate)\(|\bperformance\.now\(/
    expect(reads(asks, (file) => !isOuter(file))).toEqual([])
  })

  it('gives its environment to bins alone', () => {
    const outside = (file: string) => !/(^|\/)bin\//.test(file) && !/^(bench|loadtest)\//.test(file)
    expect(reads(/\bprocess\.env\b/, outside)).toEqual([])
  })
})

function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
}
