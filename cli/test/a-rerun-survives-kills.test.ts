import { expect, it } from 'vitest'
import { rerunUnderKills } from './support/rerun-under-kills.ts'

const seed = Number(process.env.RERUN_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`numbers are of one plan at any time, and to the cent, while a rerun's server is killed (seed ${seed})`, async () => {
  expect((await rerunUnderKills({ seed, hits: 2_000, kills: 3 })).kills).toBeGreaterThanOrEqual(6)
}, 400_000)
