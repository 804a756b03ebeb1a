import { describe, expect, it } from 'vitest'
import { mulberry32 } from '../../cli/seed/random.ts'
import { drawTrouble, longTroubleMs, shortTroubleMs, startWires, troubleKinds } from './wires.ts'

const env = {
  HITLAKE_KAFKA_BROKERS: '127.0.0.1:20001',
  HITLAKE_TRINO_URL: 'http://127.0.0.1:20002',
  HITLAKE_POSTGRES_URL: 'postgres://hitlake@127.0.0.1:20003/hitlake_1',
  HITLAKE_S3_ENDPOINT: 'http://127.0.0.1:20004',
  HITLAKE_KAFKA_TOPIC: 'hits-1',
}

describe('the wires of a process', () => {
  it('have ports of their own, in the place of the servers’ and with all else as it was', async () => {
    const wires = await startWires(env, Math.random)
    const { kafka, trino, postgres, s3 } = wires.proxies
    expect(new Set([kafka.port, trino.port, postgres.port, s3.port]).size).toBe(4)
    expect(wires.env).toEqual({
      HITLAKE_KAFKA_BROKERS: `127.0.0.1:${kafka.port}`,
      HITLAKE_TRINO_URL: `http://127.0.0.1:${trino.port}`,
      HITLAKE_POSTGRES_URL: `postgres://hitlake@127.0.0.1:${postgres.port}/hitlake_1`,
      HITLAKE_S3_ENDPOINT: `http://127.0.0.1:${s3.port}`,
      HITLAKE_KAFKA_TOPIC: 'hits-1',
    })
    await wires.close()
  })

  it('are not made to a server that nobody names', async () => {
    const { HITLAKE_S3_ENDPOINT: _, ...others } = env
    await expect(startWires(others, Math.random)).rejects.toThrow('HITLAKE_S3_ENDPOINT')
  })
})

describe('trouble that is drawn', () => {
  it('is the same for a seed, of the kind asked for, mostly short and sometimes long', () => {
    for (const kind of troubleKinds) {
      const drawn = Array.from({ length: 200 }, (_, seed) => drawTrouble(kind, mulberry32(seed)))
      expect(drawn).toEqual(Array.from({ length: 200 }, (_, seed) => drawTrouble(kind, mulberry32(seed))))
      expect(drawn.every(({ trouble }) => trouble.kind === kind)).toBe(true)
      const long = drawn.filter(({ forMs }) => forMs >= longTroubleMs.min && forMs <= longTroubleMs.max)
      const short = drawn.filter(({ forMs }) => forMs >= shortTroubleMs.min && forMs <= shortTroubleMs.max)
      expect(long.length + short.length).toBe(200)
      expect(long.length).toBeGreaterThan(0)
      expect(long.length).toBeLessThan(60)
    }
  })
})
