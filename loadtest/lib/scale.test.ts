import { describe, expect, it } from 'vitest'
import { socketMaxUnanswered } from '../../gateway/core/socket-session.ts'
import {
  defaultLoad,
  isLoopback,
  maxFactor,
  maxSeconds,
  maxUnansweredFrames,
  problemsOf,
  requestsPerMinute,
} from './scale.ts'

describe('a load', () => {
  it('may run as it is by default', () => {
    expect(problemsOf(defaultLoad)).toEqual([])
  })

  it.each([
    ['factor', maxFactor, maxFactor + 0.01],
    ['factor', 0.001, 0],
    ['seconds', maxSeconds, maxSeconds + 1],
    ['seconds', 1, 0.5],
    ['hitsPerRequest', 1_000, 1_001],
    ['merchants', 1_000, 1_001],
    ['slack', 1, 0.5],
    ['slack', 100, 101],
  ] as const)('has a limit of %s: %d may run, %d may not', (name, allowed, refused) => {
    expect(problemsOf({ ...defaultLoad, [name]: allowed })).toEqual([])
    expect(problemsOf({ ...defaultLoad, [name]: refused })).toHaveLength(1)
  })

  it('that is no number may not run', () => {
    expect(problemsOf({ ...defaultLoad, factor: Number.NaN })).toHaveLength(1)
  })
})

describe('the factor', () => {
  it('scales requests, to the nearest whole one a minute', () => {
    expect(requestsPerMinute(13_800, { factor: 1, hitsPerRequest: 20 })).toBe(41_400)
    expect(requestsPerMinute(13_800, { factor: 0.01, hitsPerRequest: 50 })).toBe(166)
  })

  it('never scales them to none', () => {
    expect(requestsPerMinute(13_800, { factor: 1e-6, hitsPerRequest: 20 })).toBe(1)
  })
})

describe('a socket', () => {
  it('has as many frames under way as the server reads, and no more', () => {
    expect(maxUnansweredFrames).toBe(socketMaxUnanswered)
  })
})

describe('loopback', () => {
  it.each([
    'http://127.0.0.1:8080',
    'http://127.3.2.1',
    'http://localhost:80/',
    'http://[::1]:8080',
    'ws://127.0.0.1:1/x',
  ])('is %s', (url) => expect(isLoopback(url)).toBe(true))

  it.each([
    'http://shop.example',
    'http://10.0.0.1:8080',
    'http://127.0.0.1.shop.example',
    'http://localhost.shop.example',
    'http://127.0.0.1@shop.example/',
    'http://127.0.0.1:80@shop.example/',
    'http://shop.example/?http://127.0.0.1',
    'http://0.0.0.0:8080',
    'http://[::2]:8080',
    'file:///127.0.0.1',
    '',
  ])('is not %s', (url) => expect(isLoopback(url)).toBe(false))
})
