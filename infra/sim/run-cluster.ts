/** A run of a cluster: two of each role on machines of their own; what it is sent and asked, and what has to hold. */
import { hourMs } from '../../core/event-time.ts'
import { Acting, expectRecorded, isPassing, recordedErasures } from './acting.ts'
import { checkRestAnswers } from './asking.ts'
import {
  type ClusterParts,
  type CollectorSystem,
  clusterJobs,
  type GatewaySystem,
  startCollector,
  startGateway,
  startUpkeep,
  startWorker,
  type UpkeepSystem,
} from './cluster.ts'
import type { Taken } from './cluster-lake.ts'
import { decoded, KeptRecords } from './collecting.ts'
import { logFolder } from './embedded.ts'
import { dueGenerations, finishReruns, type Recount, rerunsOf, restReruns } from './generations.ts'
import type { Hands, Planted } from './hands.ts'
import { SimGroup, SimTopic } from './kafka.ts'
import { type Erased, expectedOf, firstPlan, hoursOf, type PartitionRecords } from './model.ts'
import type { Plan } from './plan.ts'
import { createServers, type Servers } from './servers.ts'
import { messageOf, type Node, Simulation } from './simulation.ts'
import { checkBooks, checkTables } from './tables-check.ts'
import { WallClock } from './time.ts'
import { Wrong } from './wrong.ts'

/** Of each role. */
const copies = 2
const restRounds = 20

/** `shown`: choices that are kept to be told. */
export async function runCluster(plan: Plan, planted: Planted, shown: number): Promise<Simulation> {
  const simulation = new Simulation(plan)
  simulation.schedule.shown = shown
  try {
    await new ClusterRun(simulation, planted).run()
  } catch (error) {
    simulation.fail(error)
  }
  for (const { process } of simulation.nodes) process.state = 'dead'
  return simulation
}

class ClusterRun {
  readonly #records: KeptRecords[] = []
  readonly #collectors: Node<CollectorSystem>[] = []
  readonly #gateways: Node<GatewaySystem>[] = []
  readonly #upkeeps: Node<UpkeepSystem>[] = []
  readonly #topic: SimTopic
  readonly #groups: ReadonlyMap<string, SimGroup>
  readonly #serverClock: WallClock

  constructor(
    private readonly simulation: Simulation,
    private readonly planted: Planted,
  ) {
    const { time, plan } = simulation
    this.#topic = new SimTopic(plan.knobs.partitions)
    this.#groups = new Map(clusterJobs.map(({ job }) => [job, new SimGroup(this.#topic, time)]))
    this.#serverClock = new WallClock(time)
  }

  async run(): Promise<void> {
    const { simulation } = this
    const servers = await createServers(simulation.plan.seed, this.#serverClock, 'published')
    this.#place(servers)
    simulation.onStep = () => {
      for (const group of this.#groups.values()) group.look()
    }
    simulation.onDamage = async ({ fault, place, bit }) => {
      if (fault === 'objects' && (await servers.objects.damage(place, bit))) simulation.count('damaged objects')
    }
    const acting = new Acting(simulation, {
      collector: (number) => this.#collectors[number % copies]?.running,
      gateway: (number) => this.#gateways[number % copies]?.running,
      maintain: () => this.#upkeeps[0]?.running?.maintenance.runNow(),
      reruns: () => this.#upkeeps[0]?.running?.reruns,
      appended: () => this.#records.flatMap(({ appended }) => appended),
      known: () => this.#records.flatMap(({ appended }) => appended),
      now: () => simulation.farMs,
    })
    await simulation.storm((doing) => acting.act(doing))
    await servers.objects.heal()
    await simulation.calm()
    await this.#rest(servers)
    for (const [number, records] of this.#records.entries()) {
      const running = this.#collectors[number]?.running
      if (running !== undefined) await records.observe(running.log)
      records.checkAcknowledged()
    }
    this.#checkForwarded()
    await this.#forget(servers)
    const erased = await recordedErasures(servers.store)
    for (const asked of acting.erased) expectRecorded(asked, erased)
    const recount = this.#recount(erased)
    const expected = recount(firstPlan)
    const due = async () => dueGenerations(await rerunsOf(servers.store), recount)
    await checkTables(servers, (await due()).rows)
    await simulation.until('the books are complete', async () => {
      const { accepted } = await servers.store.books({ from: 0, to: Number.MAX_SAFE_INTEGER })
      return accepted >= expected.all
    })
    const isReleased = (await rerunsOf(servers.store)).some(({ state }) => state === 'released')
    const counted = isReleased ? 'by two plans' : 'by the first plan'
    checkBooks(await servers.store.books({ from: 0, to: Number.MAX_SAFE_INTEGER }), expected, counted)
    await simulation.until('the gateways run', () => this.#gateways.every(({ running }) => running !== undefined))
    const lookAtAnswers = async () => {
      const hours = hoursOf((await due()).answering.values())
      for (const { running } of this.#gateways) await checkRestAnswers(simulation, running as GatewaySystem, hours)
    }
    await lookAtAnswers()
    const end = simulation.plan.seed % 3 === 0 ? 'cancelRerun' : 'releaseRerun'
    if (await finishReruns(servers.store, { end, now: () => this.#serverClock.now(), lookAtAnswers })) {
      simulation.count(`finished by ${end}`)
      await this.#forget(servers)
      await checkTables(servers, (await due()).rows)
    }
    simulation.count(
      'records',
      this.#records.reduce((sum, { observed }) => sum + observed.length, 0),
    )
    simulation.count('hits', expected.all)
    simulation.count('duplicates', expected.duplicates)
    simulation.count('removed', expected.removed)
  }

  #place(servers: Servers): void {
    const { simulation } = this
    const { knobs, seed } = simulation.plan
    const taken: Taken = new Map()
    const hands: Hands = {
      log: (log) => log,
      store: (store) => store,
      lake: (lake) => lake,
      onRunnerError: (error, then) => {
        simulation.schedule.note(`runner ${then}: ${messageOf(error)}`)
        if (then === 'stopped' && !isPassing(error)) this.#damageOr(error, servers)
      },
      onMaintenanceError: (error, during) => {
        simulation.schedule.note(`maintenance, ${during}: ${messageOf(error)}`)
      },
      ...this.planted,
    }
    simulation.onStartFailed = (_, error) => {
      if (!isPassing(error)) this.#damageOr(error, servers)
    }
    const on = <T>(
      role: string,
      number: number,
      start: (parts: ClusterParts, machine: { disk: KeptDisk }) => Promise<T>,
    ) => {
      const name = `${role}-${number}`
      const machine = simulation.machine(name)
      const place = simulation.nodes.length + 1
      return simulation.place<T>({
        name,
        machine,
        start: (process, life) =>
          start({ process, servers, taken, knobs, hands, seed: (seed * 100 + place) * 1_000 + life }, machine),
        stop: (running) => (running as { stop(): Promise<void> }).stop(),
      })
    }
    for (let number = 0; number < copies; number++) {
      const files = new Map<string, Buffer>()
      this.#collectors.push(
        on('collector', number, (parts, { disk }) => {
          const records = this.#records[number] ?? new KeptRecords(disk, logFolder)
          this.#records[number] = records
          return startCollector({ ...parts, disk, files, records, topic: this.#topic })
        }),
      )
    }
    for (let number = 0; number < copies; number++) {
      on('worker', number, (parts) => startWorker({ ...parts, topic: this.#topic, groups: this.#groups }))
      this.#upkeeps.push(on('upkeep', number, startUpkeep))
      this.#gateways.push(on('gateway', number, startGateway))
    }
  }

  /** An error that only a person mends is right where we damaged an object, and wrong where not. */
  #damageOr(error: unknown, { objects }: Servers): void {
    const { simulation } = this
    if (!objects.explains(error)) {
      simulation.fail(error)
      return
    }
    simulation.count('damage found')
    // An operator puts the object back, and starts again whoever stopped.
    void objects.heal().then(() => {
      for (const node of simulation.nodes) {
        if (node.program.name.startsWith('worker')) simulation.end(node, 'an object is mended')
      }
    })
  }

  /** Until all that any log holds is in Kafka, processed by both jobs and published. */
  async #rest({ store, objects }: Servers): Promise<void> {
    const { simulation } = this
    await simulation.until('all processes run', () => simulation.nodes.every(isUp))
    objects.forget()
    await simulation.until('all is forwarded', () =>
      this.#collectors.every(({ running }) => running !== undefined && running.forwarder.acked === running.log.next),
    )
    await simulation.until('all is committed', async () => {
      const { positions } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
      return clusterJobs.every(({ job }) =>
        this.#topic.records.every((records, partition) => {
          const position = positions.find((each) => each.job === job && each.partition === partition)
          return (position?.next ?? 0) === records.length
        }),
      )
    })
    await restReruns(simulation, store)
    await simulation.until('all is published', async () => {
      for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
        if ((await store.unpublished(table)).length > 0 || (await store.openPublication(table))) return false
      }
      return true
    })
  }

  /** Every record of a log is in the feed, first occurrences in order. */
  #checkForwarded(): void {
    this.#records.forEach((records, number) => {
      const log = this.#collectors[number]?.running?.log.id
      const places = new Set<number>()
      for (const partition of this.#topic.records) {
        let last = -1
        for (const record of partition.flat()) {
          const place = record.origin?.log === log ? (record.origin?.place ?? -1) : -1
          if (place < 0 || places.has(place)) continue
          if (place < last) throw new Wrong('order', `place ${place} of ${log} comes after ${last} for the first time`)
          last = place
          places.add(place)
        }
      }
      for (const [place, { payload }] of records.observed.entries()) {
        if (!places.has(place)) throw new Wrong('lost', `place ${place} of collector ${number} is not in the feed`)
        const sent = this.#topic.records.flat(2).find(({ origin }) => origin?.log === log && origin?.place === place)
        if (sent?.payload.equals(payload) !== true) throw new Wrong('altered', `place ${place} of collector ${number}`)
      }
    })
  }

  #recount(erased: readonly Erased[]): Recount {
    const partitions = this.#topic.records.map((records, partition): PartitionRecords => {
      const marks = new Map<string, number>()
      const kept: PartitionRecords['records'][number][] = []
      records.forEach((pack, offset) => {
        let index = 0
        for (const { payload, origin } of pack) {
          const batch = decoded(payload)
          const first = index
          index += batch?.hits.length ?? 1
          if (origin !== null && origin.place < (marks.get(origin.log) ?? 0)) continue
          if (origin !== null) marks.set(origin.log, origin.place + 1)
          kept.push({ offset, index: first, record: { payload, batch, state: 'acknowledged', offset } })
        }
      })
      return { partition, records: kept }
    })
    return (ruled) => expectedOf(partitions, erased, ruled)
  }

  /** Lets days pass until what is erased is in no file. */
  async #forget({ store }: Servers): Promise<void> {
    const { simulation } = this
    // While machines sleep leases run out; two that take them from each other would begin to wait anew each time.
    const [stays, ...others] = this.#upkeeps
    for (const other of others) simulation.retire(other as Node)
    await simulation.until('one keeps the tables', () => stays?.running !== undefined)
    for (let rounds = 0; rounds < restRounds; rounds++) {
      const open = await store.erasures({ state: 'open', limit: 100 })
      if (open.length === 0 && rounds >= 2) return
      simulation.rest(26 * hourMs)
      const until = simulation.time.passedMs + simulation.plan.knobs.maintainEveryMs * 2
      await simulation.until('maintenance has its time', () => simulation.time.passedMs > until)
    }
    const open = await store.erasures({ state: 'open', limit: 100 })
    const left = open.map(({ merchant, state, subject }) => `${JSON.stringify(subject)} of ${merchant} is ${state}`)
    throw new Wrong('erasure', `after twenty days of rounds ${left.join(', ')}`)
  }
}

const isUp = ({ running, stopping }: Node) => running !== undefined && !stopping

type KeptDisk = ConstructorParameters<typeof KeptRecords>[0]
