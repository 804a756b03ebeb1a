import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseByteSize } from './byte-sizes.ts'
import { clusterVariables } from './cluster.ts'
import { configPage } from './config-page.ts'
import { parseDuration } from './durations.ts'
import { embeddedVariables } from './embedded.ts'
import { nearestName } from './nearest-name.ts'
import { ConfigError, parseConfig } from './parse-config.ts'
import { variableFacts } from './variables.ts'

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).problems
  }
}

const cluster = {
  HITLAKE_MODE: 'cluster',
  HITLAKE_KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
  HITLAKE_POSTGRES_URL: 'postgres://hitlake:secret@db:5432/hitlake',
  HITLAKE_OBJECTS_URI: 's3://lake/hitlake/',
  HITLAKE_TRINO_URL: 'http://trino:8080/',
}

describe('a duration', () => {
  it('is a whole number and a unit', () => {
    expect(['250ms', '90s', '15m', '24h', '30d', '0s'].map(parseDuration)).toEqual([
      250, 90_000, 900_000, 86_400_000, 2_592_000_000, 0,
    ])
  })

  it('is nothing else', () => {
    for (const text of ['', '90', 's', '1.5s', '-1s', '1 s', '1w', '1M', '1sm', '1e3s', 'P1D', '9999999999999d'])
      expect(parseDuration(text), text).toBeUndefined()
  })
})

describe('a size', () => {
  it('is bytes, or a whole number and a unit of powers of 1,024', () => {
    expect(['65536', '7 B', '64 KB', '256MB', '10 GiB', '1tb'].map(parseByteSize)).toEqual([
      65_536, 7, 65_536, 268_435_456, 10_737_418_240, 1_099_511_627_776,
    ])
  })

  it('is nothing else', () => {
    for (const text of ['', 'MB', '1.5 GB', '-1', '1 PB', '1  MB', '1e3', '99999999999999 TB'])
      expect(parseByteSize(text), text).toBeUndefined()
  })
})

describe('the configuration', () => {
  it('has a default for everything that has a safe one', () => {
    expect(parseConfig({})).toEqual({
      port: 8_080,
      host: '127.0.0.1',
      dataDir: './data',
      mode: 'embedded',
      epochMs: 2_000,
      publishEveryMs: 60_000,
      publishMaxBytes: 134_217_728,
      maxHitAgeMs: 2_592_000_000,
      adminKey: undefined,
      trustedProxies: [],
      connectionsPerAddress: 200,
      keyQuota: 5_000,
      maintainEveryMs: 600_000,
      deriveAfterMs: 1_800_000,
      snapshotLadder: { allMs: 86_400_000, hourlyMs: 7 * 86_400_000, dailyMs: 400 * 86_400_000 },
      logMaxBytes: 10_737_418_240,
      logSegmentBytes: 33_554_432,
      diskMaxShare: 0.9,
      stateMaxBytes: 268_435_456,
      cellsMaxBytes: 268_435_456,
      rawRowBudget: 20_000_000,
      queryConcurrency: 2,
      queryTimeoutMs: 30_000,
      duckdbMemoryBytes: 167_772_160,
      duckdbThreads: 2,
      planChanges: 'wait',
      rerunThreads: 1,
      rerunHitsPerSecond: 0,
      logLevel: 'info',
    })
  })

  it('takes what is set, and no variable of other programs', () => {
    const config = parseConfig({
      PATH: '/bin',
      HITLAKE_PORT: '0',
      HITLAKE_EPOCH: '500ms',
      HITLAKE_CELLS_MAX_BYTES: '1 GB',
      HITLAKE_TRUSTED_PROXIES: '10.0.0.0/8, 127.0.0.1,::1',
      HITLAKE_ADMIN_KEY: 'k'.repeat(16),
    })
    expect(config).toMatchObject({
      port: 0,
      epochMs: 500,
      cellsMaxBytes: 1_073_741_824,
      trustedProxies: ['10.0.0.0/8', '127.0.0.1/32', '::1/128'],
      adminKey: 'k'.repeat(16),
    })
  })

  it('cannot be changed afterwards', () => {
    const config = parseConfig({})
    expect(Object.isFrozen(config) && Object.isFrozen(config.trustedProxies)).toBe(true)
  })

  it('takes the empty text for not set', () => {
    expect(parseConfig({ HITLAKE_ADMIN_KEY: '', HITLAKE_PORT: '' })).toEqual(parseConfig({}))
  })

  it('is refused with every problem at once, each naming its variable and what would be right', () => {
    const problems = problemsOf({
      HITLAKE_PORT: '99999',
      HITLAKE_EPOCH: 'soon',
      HITLAKE_TRUSTED_PROXIES: '10.0.0.0/8,proxy.local,1.2.3.4/33,10.1,::1/129',
      HITLAKE_PROT: '1',
      HITLAKE_LOG_LEVEL: 'loud',
    })
    expect(problems).toEqual([
      'HITLAKE_EPOCH must be a duration from 50ms to 10m, such as 2s, not "soon"',
      'HITLAKE_LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud"',
      'HITLAKE_PORT must be a whole number from 0 to 65535, not "99999"',
      'HITLAKE_PROT is not a variable of Hitlake; did you mean HITLAKE_PORT?',
      'HITLAKE_TRUSTED_PROXIES must list networks such as 10.0.0.0/8, these are none: proxy.local, 1.2.3.4/33, 10.1, ::1/129',
    ])
    expect(new ConfigError(problems).message.split('\n')).toHaveLength(6)
  })

  it('never shows the admin key it refuses', () => {
    for (const key of ['short', `${'k'.repeat(20)} x`, 'k'.repeat(257), 'käse'.repeat(5)]) {
      const [problem] = problemsOf({ HITLAKE_ADMIN_KEY: key })
      expect(problem).toMatch(/^HITLAKE_ADMIN_KEY must have/)
      expect(problem).not.toContain(key)
    }
  })

  it('knows two modes, and variables of the one that mean nothing in the other', () => {
    expect(problemsOf({ HITLAKE_MODE: 'toString' })).toEqual([
      'HITLAKE_MODE must be one of embedded, cluster, not "toString"',
    ])
    expect(problemsOf({ HITLAKE_KAFKA_TOPIC: 'hits' })).toEqual([
      'HITLAKE_KAFKA_TOPIC is read in cluster mode only; HITLAKE_MODE is embedded',
    ])
    expect(problemsOf({ ...cluster, HITLAKE_PUBLISH_EVERY: '1s' })).toEqual([
      'HITLAKE_PUBLISH_EVERY is read in embedded mode only; HITLAKE_MODE is cluster',
    ])
  })

  it('of a cluster says which servers must be named', () => {
    expect(problemsOf({ HITLAKE_MODE: 'cluster' })).toEqual([
      'HITLAKE_KAFKA_BROKERS must be set: comma-separated host:port',
      'HITLAKE_OBJECTS_URI must be set: `s3://bucket/prefix` or `file:///folder`',
      'HITLAKE_POSTGRES_URL must be set: `postgres://user:password@host:port/database`',
      'HITLAKE_TRINO_URL must be set: `http://host:port`',
    ])
  })

  it('of a cluster plays every role unless one is named', () => {
    expect(parseConfig(cluster)).toMatchObject({
      mode: 'cluster',
      roles: ['collector', 'worker', 'gateway', 'maintenance'],
      kafka: { brokers: ['kafka-1:9092', 'kafka-2:9092'], topic: 'hits', partitions: 12, replication: 3 },
      objectsUri: 's3://lake/hitlake',
      objectsTrinoUri: 's3://lake/hitlake',
      trino: { url: 'http://trino:8080', user: 'hitlake', catalog: 'lake' },
      warehouseEpochMs: 60_000,
      rollupsEpochMs: 60_000,
      stateMaxBytes: 1_073_741_824,
    })
    expect(parseConfig({ ...cluster, HITLAKE_ROLE: 'worker' })).toMatchObject({ roles: ['worker'] })
  })

  it.each([
    ['HITLAKE_KAFKA_BROKERS', 'kafka'],
    ['HITLAKE_POSTGRES_URL', 'postgres://nothing'],
    ['HITLAKE_OBJECTS_URI', 'folder'],
    ['HITLAKE_OBJECTS_URI', 's3://Lake/x'],
    ['HITLAKE_TRINO_URL', 'trino:8080'],
    ['HITLAKE_ROLE', 'workers'],
    ['HITLAKE_TRINO_CATALOG', 'la"ke'],
  ])('refuses %s=%s', (variable, text) => {
    expect(problemsOf({ ...cluster, [variable]: text })).toEqual([
      expect.stringMatching(new RegExp(`^${variable} must`)),
    ])
  })

  it('leaves alone what the CLI reads', () => {
    expect(problemsOf({ HITLAKE_URL: 'http://127.0.0.1:8080' })).toEqual([])
  })

  it('guesses nothing where no name is near', () => {
    expect(problemsOf({ HITLAKE_COMPLETELY_DIFFERENT_THING: '1' })).toEqual([
      'HITLAKE_COMPLETELY_DIFFERENT_THING is not a variable of Hitlake',
    ])
  })

  const bounded = Object.entries(embeddedVariables.shape).flatMap(([name, schema]) => {
    const bounds = /(\w+) to (\w+)$/.exec(variableFacts.get(schema)?.form ?? '')
    return bounds?.[1] && bounds[2] && name !== 'HITLAKE_ADMIN_KEY' ? [[name, bounds[1], bounds[2]] as const] : []
  })
  it.each(bounded)('takes %s from %s to %s, both allowed, and nothing beyond', (name, least, most) => {
    expect(problemsOf({ [name]: least })).toEqual([])
    expect(problemsOf({ [name]: most })).toEqual([])
    const beyond = most.replace(/^\d+/, (digits) => String(BigInt(digits) + 1n))
    expect(problemsOf({ [name]: beyond })).toHaveLength(1)
    const below = least.replace(/^\d+/, (digits) => String(BigInt(digits) - 1n))
    expect(problemsOf({ [name]: below })).toHaveLength(1)
  })

  it('is refused or read whole for any text at all, and never fails otherwise', () => {
    const names = fc.constantFrom(...Object.keys(embeddedVariables.shape))
    fc.assert(
      fc.property(fc.dictionary(names, fc.string()), (env) => {
        for (const problem of problemsOf(env)) expect(problem).toMatch(/^HITLAKE_[A-Z_]+ must /)
      }),
    )
  })
})

describe('the nearest name', () => {
  it('is found over a swap, a gap and a letter too many', () => {
    const known = ['HITLAKE_PORT', 'HITLAKE_HOST', 'HITLAKE_EPOCH']
    expect(nearestName('HITLAKE_PROT', known)).toBe('HITLAKE_PORT')
    expect(nearestName('HITLAKE_EPCH', known)).toBe('HITLAKE_EPOCH')
    expect(nearestName('HITLAKE_HOSTT', known)).toBe('HITLAKE_HOST')
    expect(nearestName('X', known)).toBeUndefined()
  })
})

it('is described on its page, variable by variable, as the schema says now', () => {
  const page = readFileSync(new URL('../../docs/reference/config.md', import.meta.url), 'utf8')
  expect(page).toBe(configPage())
  for (const [name, schema] of Object.entries({ ...embeddedVariables.shape, ...clusterVariables.shape })) {
    expect(schema.description, name).toBeTruthy()
    expect(page).toContain(`| \`${name}\` |`)
  }
})
