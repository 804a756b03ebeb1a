/** A run of the embedded system: one machine, one process; what it is sent and asked, and what has to hold. */
import { hourMs } from '../../core/event-time.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { Acting, expectRecorded, isPassing, recordedErasures } from './acting.ts'
import { checkRestAnswers } from './asking.ts'
import { KeptRecords } from './collecting.ts'
import { type EmbeddedSystem, logFolder, startEmbedded } from './embedded.ts'
import { dueGenerations, finishReruns, type Recount, rerunsOf, restReruns } from './generations.ts'
import type { Hands, Planted } from './hands.ts'
import { type Erased, expectedOf, firstPlan, hoursOf } from './model.ts'
import type { Plan } from './plan.ts'
import { createServers, type Servers } from './servers.ts'
import { messageOf, type Node, Simulation } from './simulation.ts'
import { checkBooks, checkTables } from './tables-check.ts'
import { expectEqual, Wrong } from './wrong.ts'

/** `shown`: choices that are kept to be told. */
export async function runEmbedded(plan: Plan, planted: Planted, shown: number): Promise<Simulation> {
  const simulation = new Simulation(plan)
  simulation.schedule.shown = shown
  try {
    await new EmbeddedRun(simulation, planted).run()
  } catch (error) {
    simulation.fail(error)
  }
  for (const { process } of simulation.nodes) process.state = 'dead'
  return simulation
}

/** Rests of a day, each with a round of maintenance, until which all that is erased must be gone. */
const forgetMaxRounds = 20

class EmbeddedRun {
  readonly #machine
  #objects: Servers['objects'] | undefined
  readonly #records: KeptRecords

  constructor(
    private readonly simulation: Simulation,
    private readonly planted: Planted,
  ) {
    this.#machine = simulation.machine('one')
    this.#records = new KeptRecords(this.#machine.disk, logFolder)
  }

  async run(): Promise<void> {
    const { simulation } = this
    const servers = await createServers(simulation.plan.seed, this.#machine.clock, 'committed')
    const node = this.#place(servers)
    this.#objects = servers.objects
    simulation.onDamage = async ({ fault, place, bit }) => {
      if (fault === 'flip') await this.#damage(place, bit)
      else if (await servers.objects.damage(place, bit)) simulation.count('damaged objects')
    }
    const there = () => node.running
    const acting = new Acting(simulation, {
      collector: () => there() && { accept: (request) => system().collector.accept(request), poison: system().poison },
      gateway: there,
      maintain: () => there()?.maintenance.runNow(),
      reruns: () => there()?.reruns,
      appended: () => this.#records.appended,
      known: () => this.#records.appended,
      now: () => simulation.farMs,
    })
    const system = () => there() as EmbeddedSystem
    await simulation.storm((doing) => acting.act(doing))

    await servers.objects.heal()
    await simulation.calm()
    await simulation.until('the process runs', () => there() !== undefined && !node.stopping)
    servers.objects.forget()
    this.#machine.disk.forget()
    const { store } = servers
    await simulation.until('all is committed', () => {
      const now = there()
      return now !== undefined && (now.runner.positions[0]?.next ?? 0) === now.log.next
    })
    await restReruns(simulation, store)
    await simulation.until('all is published', async () => {
      for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
        if ((await store.unpublished(table)).length > 0) return false
      }
      return true
    })
    await this.#records.observe(system().log)
    this.#records.checkAcknowledged()
    await this.#forget(system(), store)
    const erased = await recordedErasures(store)
    for (const asked of acting.erased) expectRecorded(asked, erased)
    const recount = this.#recount(erased)
    const expected = recount(firstPlan)
    const due = async () => dueGenerations(await rerunsOf(store), recount)
    await checkTables(servers, (await due()).rows)
    const question = { from: 0, to: Number.MAX_SAFE_INTEGER }
    const books = await simulation.drive('the books are taken', system().books(question))
    const isReleased = (await rerunsOf(store)).some(({ state }) => state === 'released')
    checkBooks(books, expected, isReleased ? 'by two plans' : 'by the first plan')
    expectEqual('books', 'in flight', books.inFlight, 0)
    const lookAtAnswers = async () => checkRestAnswers(simulation, system(), hoursOf((await due()).answering.values()))
    await lookAtAnswers()
    const end = simulation.plan.seed % 3 === 0 ? 'cancelRerun' : 'releaseRerun'
    if (await finishReruns(store, { end, now: () => this.#machine.clock.now(), lookAtAnswers })) {
      simulation.count(`finished by ${end}`)
      await this.#forget(system(), store)
      await checkTables(servers, (await due()).rows)
    }
    simulation.count('records', this.#records.observed.length)
    simulation.count('hits', expected.all)
    simulation.count('duplicates', expected.duplicates)
    simulation.count('removed', expected.removed)
  }

  #place(servers: Awaited<ReturnType<typeof createServers>>): Node<EmbeddedSystem> {
    const { simulation } = this
    const { knobs, seed } = simulation.plan
    const hands: Hands = {
      log: (log) => log,
      store: (store) => store,
      lake: (lake) => lake,
      onRunnerError: (error, then) => {
        simulation.schedule.note(`runner ${then}: ${messageOf(error)}`)
        if (then === 'stopped' && !isPassing(error)) this.#damageOr(error, node as Node)
      },
      onMaintenanceError: (error, during) => {
        simulation.schedule.note(`maintenance, ${during}: ${messageOf(error)}`)
      },
      ...this.planted,
    }
    const parts = { disk: this.#machine.disk, servers, records: this.#records, knobs, hands }
    const node = simulation.place<EmbeddedSystem>({
      name: 'embedded',
      machine: this.#machine,
      start: (process, life) => startEmbedded({ ...parts, process, seed: seed * 1_000 + life }),
      stop: (running) => running.stop(),
    })
    simulation.onStartFailed = (_, error) => {
      if (!isPassing(error)) this.#damageOr(error, node as Node)
    }
    return node
  }

  #recount(erased: readonly Erased[]): Recount {
    const records = this.#records.observed.map((record, offset) => ({ offset, index: 0, record }))
    return (ruled) => expectedOf([{ partition: 0, records }], erased, ruled)
  }

  /** Lets days pass until what is erased is in no file. */
  async #forget(system: EmbeddedSystem, store: Pick<ControlStore, 'erasures'>): Promise<void> {
    const { simulation } = this
    for (let rounds = 0; rounds < forgetMaxRounds; rounds++) {
      const open = await store.erasures({ state: 'open', limit: 100 })
      if (open.length === 0 && rounds >= 2) return
      simulation.rest(26 * hourMs)
      // A file that is read may be gone: the next round reads another.
      const round = system.maintenance.runNow().catch((error: unknown) => {
        if (!isPassing(error)) throw error
      })
      await simulation.drive('a round of maintenance', round)
    }
    const open = await store.erasures({ state: 'open', limit: 100 })
    const left = open.map(({ merchant, state, subject }) => `${JSON.stringify(subject)} of ${merchant} is ${state}`)
    throw new Wrong('erasure', `after twenty days of rounds ${left.join(', ')}`)
  }

  /** An error that only a person mends is right where we damaged something, and wrong where not. */
  #damageOr(error: unknown, node: Node): void {
    const { simulation } = this
    const { disk } = this.#machine
    const objects = this.#objects
    if (!disk.explains(error) && objects?.explains(error) !== true) {
      simulation.fail(error)
      return
    }
    simulation.count('damage found')
    const { process } = node
    // An operator puts file and object back, and starts the process again.
    void Promise.all([disk.heal(), objects?.heal()]).then(() => {
      if (node.process === process) simulation.end(node, 'its disk is mended')
    })
  }

  /** Turns a bit in a sealed segment: what is damaged at the end of the last one looks like a torn write. */
  async #damage(place: number, bit: number): Promise<void> {
    const { disk } = this.#machine
    if (disk.flips.length > 0) return
    const sealed = (await disk.memory.list(logFolder)).filter((name) => name.endsWith('.log')).slice(0, -2)
    const name = sealed[place % Math.max(1, sealed.length)]
    if (name === undefined) return
    const path = `${logFolder}/${name}`
    const size = (await disk.memory.size(path)) ?? 0
    if (size > 0) await disk.damage(path, place % size, bit)
    this.simulation.count('flipped bits')
  }
}
