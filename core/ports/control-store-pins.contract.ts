/** The contract of pins and of what expiry asks of them; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { PublicationOpenError, StaleLeaseError } from '../errors.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import type { ControlStore } from './control-store.ts'
import { epochOf, fileOf } from './control-store-epochs.contract.ts'
import { pinsPerTableMax, type SnapshotPin } from './maintenance-store.ts'

const pin = (change: Partial<SnapshotPin> = {}): SnapshotPin => ({
  table: 'hits',
  snapshot: '11',
  name: 'audit',
  until: 1_000,
  by: `it's "me"`,
  ...change,
})

export function pinsContract(under: ControlStoreUnderTest): void {
  async function leased() {
    const store = await under.open()
    const held = await store.acquireLease('publish/hits', 'me', 100_000, 0)
    if (held === undefined) throw new Error('the lease is free')
    const condemn = (snapshots: readonly string[], now = 0) =>
      store.condemnSnapshots('hits', 'publish/hits', held.fence, { snapshots, now })
    return { store, condemn, fence: held.fence }
  }

  describe('pins', () => {
    it('are kept as they were given, by table and name', async () => {
      const store = await under.open()
      const all = [pin({ name: 'ä', snapshot: '9223372036854775807' }), pin(), pin({ name: 'B', until: 2 ** 45 })]
      for (const each of all) expect(await store.pinSnapshot(each)).toBe('pinned')
      await store.pinSnapshot(pin({ table: 'hourly', snapshot: '12' }))
      expect(await store.pins('hits')).toEqual([all[2], all[1], all[0]])
      expect(await store.pins('hourly')).toEqual([pin({ table: 'hourly', snapshot: '12' })])
      expect(await store.pins('daily')).toEqual([])
    })

    it('are renewed by the same name; a name never moves to another snapshot', async () => {
      const store = await under.open()
      await store.pinSnapshot(pin())
      expect(await store.pinSnapshot(pin({ until: 5_000, by: 'you' }))).toBe('pinned')
      expect(await store.pinSnapshot(pin({ snapshot: '12' }))).toBe('name taken')
      expect(await store.pins('hits')).toEqual([pin({ until: 5_000, by: 'you' })])
      expect(await store.pinSnapshot(pin({ snapshot: '12', table: 'hourly' }))).toBe('pinned')
    })

    it('are taken off by name, once', async () => {
      const store = await under.open()
      await store.pinSnapshot(pin())
      await store.pinSnapshot(pin({ name: 'other' }))
      expect(await store.unpinSnapshot('hourly', 'audit')).toBe(false)
      expect(await store.unpinSnapshot('hits', 'audit')).toBe(true)
      expect(await store.unpinSnapshot('hits', 'audit')).toBe(false)
      expect(await store.pins('hits')).toEqual([pin({ name: 'other' })])
    })

    it(`are at most ${pinsPerTableMax} a table; one of them can be renewed all the same`, async () => {
      const store = await under.open()
      for (let n = 0; n < pinsPerTableMax; n++) await store.pinSnapshot(pin({ name: `pin ${n}` }))
      expect(await store.pinSnapshot(pin())).toBe('too many')
      expect(await store.pinSnapshot(pin({ name: 'pin 7', until: 7_000 }))).toBe('pinned')
      expect(await store.pins('hits')).toHaveLength(pinsPerTableMax)
      expect(await store.pinSnapshot(pin({ table: 'hourly' }))).toBe('pinned')
    }, 60_000)
  })

  describe('an expiry', () => {
    it('takes only what no pin holds', async () => {
      const { store, condemn } = await leased()
      await store.pinSnapshot(pin({ snapshot: '2' }))
      await store.pinSnapshot(pin({ table: 'hourly', snapshot: '3' }))
      expect(await condemn(['1', '2', '3'])).toEqual(['1', '3'])
    })

    it('forgets pins whose time is over, to the millisecond', async () => {
      const { store, condemn } = await leased()
      await store.pinSnapshot(pin({ snapshot: '1', until: 1_000 }))
      expect(await condemn(['1'], 999)).toEqual([])
      expect(await condemn(['1'], 1_000)).toEqual(['1'])
      expect(await store.pins('hits')).toEqual([])
    })

    it('lets nobody pin what it took; the next one lets go of what that leaves', async () => {
      const { store, condemn } = await leased()
      await condemn(['1', '2'])
      expect(await store.pinSnapshot(pin({ snapshot: '1' }))).toBe('expiring')
      expect(await store.pinSnapshot(pin({ snapshot: '1', table: 'hourly' }))).toBe('pinned')
      expect(await store.pins('hits')).toEqual([])
      await condemn(['2'])
      expect(await store.pinSnapshot(pin({ snapshot: '1' }))).toBe('pinned')
      await condemn([])
      expect(await store.pinSnapshot(pin({ snapshot: '2', name: 'late' }))).toBe('pinned')
    })

    it('and a pin at the same moment never both have the snapshot', async () => {
      const { store, condemn } = await leased()
      for (let n = 0; n < 20; n++) {
        const snapshot = String(n)
        const [outcome, condemned] = await Promise.all([
          store.pinSnapshot(pin({ snapshot, name: snapshot })),
          condemn([snapshot]),
        ])
        expect(condemned).toEqual(outcome === 'pinned' ? [] : [snapshot])
      }
    })

    it('is refused without the lease, and while a publication or derivation of the table is open', async () => {
      const { store, condemn, fence } = await leased()
      await store.pinSnapshot(pin({ snapshot: '1', until: 0 }))
      await expect(
        store.condemnSnapshots('hits', 'publish/hits', fence + 1, { snapshots: ['2'], now: 0 }),
      ).rejects.toBeInstanceOf(StaleLeaseError)
      await openPublication(store, fence)
      await expect(condemn(['2'])).rejects.toBeInstanceOf(PublicationOpenError)
      expect(await store.pins('hits')).toHaveLength(1)
      expect(await store.pinSnapshot(pin({ snapshot: '2', name: 'two' }))).toBe('pinned')
      await store.finishPublication('hits', 'publish/hits', fence, 1, '7')
      expect(await condemn(['2', '3'])).toEqual(['3'])
    })
  })
}

async function openPublication(store: ControlStore, lease: number): Promise<void> {
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('a')] }))
  await store.beginPublication('hits', 'publish/hits', lease, ['a'])
}
