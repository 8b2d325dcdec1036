import { expect, test } from 'vitest';
import { echo, wireport } from '../drivers/index.ts';
import frameGate from '../examples/frameGate.ts';
import { Terminal } from '../src/cli/output/terminal.ts';
import { treeOf } from '../src/cli/output/tree.ts';
import {
  type Address,
  defineDriver,
  Machine,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../src/machine/index.ts';
import { Segment } from '../src/wire/index.ts';

interface Options {
  /** DriverEntry fails after it registered, and leaves the registration. */
  readonly entryFails?: boolean;
  readonly restart?: () => number;
}

/** A filter driver without an Unload that deregisters. */
const careless = ({ entryFails = false, restart = () => NDIS_STATUS_SUCCESS }: Options = {}) =>
  defineDriver(({ ndis, cell }) => ({
    DriverEntry: async (driverObject) => {
      driverObject.DriverUnload = () => {};
      const status = await ndis.NdisFRegisterFilterDriver(
        driverObject,
        null,
        {
          Header: { Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS, Revision: 2, Size: 224 },
          MajorNdisVersion: 6,
          MinorNdisVersion: 30,
          FriendlyName: 'Careless',
          UniqueName: '{6E646973-626F-4078-9000-0000000000FF}',
          ServiceName: 'careless',
          AttachHandler: (handle: Address) =>
            ndis.NdisFSetAttributes(
              handle,
              { handle },
              { Header: { Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES, Revision: 1, Size: 8 } },
            ),
          DetachHandler: () => {},
          RestartHandler: restart,
          PauseHandler: () => NDIS_STATUS_SUCCESS,
        },
        cell(),
      );
      return entryFails ? NDIS_STATUS_FAILURE : status;
    },
  }));

async function stack(filters: ConstructorParameters<typeof Machine>[0] = {}) {
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, ...filters });
  await machine.load('wireport', wireport);
  await machine.load('echo', echo);
  const segment = new Segment({});
  const add = () => machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort() });
  const adapter = () => machine.snapshot().adapters[0];
  return { machine, add, adapter };
}

const codes = (machine: Machine) => machine.kernel.findings.map(({ code, driver }) => `${code} ${driver}`);

test('a filter that is unloaded without deregistering is named, and its stack goes on without it (network/unloading-a-filter-driver)', async () => {
  const { machine, add, adapter } = await stack();
  await add();
  await machine.load('careless', careless());
  await machine.settle();
  expect(adapter().filters).toMatchObject([{ filter: 'careless', state: 'Running' }]);
  await machine.unload('careless');
  await machine.settle();
  expect(adapter()).toMatchObject({ state: 'Running', filters: [], bindings: [{ state: 'Running' }] });
  await machine.stop();
  expect(codes(machine).filter((line) => line.endsWith('careless')).length).toBe(1);
});

test('a DriverEntry that fails after it registered leaves no module (network/initializing-a-filter-driver)', async () => {
  const { machine, add, adapter } = await stack();
  await add();
  expect(await machine.load('careless', careless({ entryFails: true }))).not.toBe(0);
  await machine.settle();
  expect(adapter()).toMatchObject({ state: 'Running', filters: [], bindings: [{ state: 'Running' }] });
  await machine.stop();
  expect(machine.snapshot().adapters).toEqual([]);
});

test('an adapter waits for a mandatory filter that is configured and not loaded; then it binds (network/mandatory-filter-drivers)', async () => {
  const { machine, add, adapter } = await stack({ filters: { frameGate: { mandatory: true } } });
  expect(await add()).toBe(false);
  expect(adapter()).toMatchObject({ state: 'Paused', missingFilter: 'framegate', bindings: [] });
  await machine.load('frameGate', frameGate);
  await machine.settle();
  expect(adapter()).toMatchObject({
    state: 'Running',
    missingFilter: '',
    filters: [{ filter: 'frameGate', mandatory: true }],
    bindings: [{ state: 'Running' }],
  });
  await machine.stop();
  expect(codes(machine)).toEqual([]);
});

test('a class that does not exist is refused with what to give', () => {
  const machine = new Machine({ memorySize: 16 * 1024 * 1024 });
  expect(() => machine.configureFilter('gate', { filterClass: 'magic' })).toThrow(/BAD_OPTION|scheduler/);
});

test('the tree has modules between the adapter and what is bound to it', async () => {
  const { machine, add } = await stack();
  await machine.load('frameGate', frameGate);
  await add();
  await machine.settle();
  const [root] = treeOf(machine.snapshot(), new Terminal(process.stdout, process.stderr, { NO_COLOR: '1' }));
  expect(root.children.map(({ text }) => text)).toEqual(['frameGate (filter)  Running  custom']);
  expect(root.children[0].children.map(({ text }) => text)).toEqual(['echo  Running']);
  await machine.stop();
});
