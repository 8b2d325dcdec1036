/** Status indications through filter modules (network/filter-module-status-indications). */

import { describe, expect, test } from 'vitest';
import type { TestModule } from '../../../test/support/filter.ts';
import { createFilterStack, type FilterStack } from '../../../test/support/filterStack.ts';
import {
  indicateStatus,
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_RESET_START,
} from '../index.ts';

const PRIVATE_STATUS = 0x40ff0001;
const NAME = PRIVATE_STATUS.toString(16);

function indication(source: number, fields: object = {}): object {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
      Revision: 1,
      Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
    },
    SourceHandle: source,
    StatusCode: PRIVATE_STATUS,
    ...fields,
  };
}

const fromMiniport = (x: FilterStack, fields: object = {}) =>
  x.s.t.run(() =>
    x.s.m.driver.ndis.NdisMIndicateStatusEx(x.s.m.adapters[0], indication(x.s.m.adapters[0], fields)),
  );

async function listening(names: readonly string[] = ['upper', 'lower']) {
  const x = await createFilterStack({}, names);
  x.s.on.status = (view) => x.order.push(`protocol status ${view.StatusCode.toString(16)}`);
  return x;
}

describe('FilterStatus (nc-ndis-filter_status)', () => {
  test('sees what the miniport indicates from the bottom up, before the protocols', async () => {
    const x = await listening();
    await fromMiniport(x);
    expect(x.order).toEqual([`lower status ${NAME}`, `upper status ${NAME}`, `protocol status ${NAME}`]);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('may change an indication or keep it to itself', async () => {
    const x = await listening();
    x.filters[0].onStatus = () => {};
    await fromMiniport(x);
    expect(x.order).toEqual([`lower status ${NAME}`, `upper status ${NAME}`]);
    x.order.length = 0;
    x.filters[0].onStatus = (view) => {
      view.StatusCode = PRIVATE_STATUS + 1;
      x.filters[0].f.driver.ndis.NdisFIndicateStatus(x.filters[0].handle, view);
    };
    await fromMiniport(x);
    expect(x.order.at(-1)).toBe(`protocol status ${(PRIVATE_STATUS + 1).toString(16)}`);
  });

  test('sees what NDIS itself indicates', async () => {
    const x = await listening();
    await x.s.t.run(() => indicateStatus(x.s.t.ndis, x.s.adapter, NDIS_STATUS_RESET_START));
    const name = NDIS_STATUS_RESET_START.toString(16);
    expect(x.order).toEqual([`lower status ${name}`, `upper status ${name}`, `protocol status ${name}`]);
    expect(x.s.t.findings()).toEqual([]);
  });
});

describe('NdisFIndicateStatus (nf-ndis-ndisfindicatestatus)', () => {
  const indicate = (x: FilterStack, index: number, fields: object = {}, handle = x.filters[index].handle) =>
    x.s.t.run(() => {
      const { handle: source, f } = x.filters[index];
      f.driver.ndis.NdisFIndicateStatus(handle, indication(source, fields));
    });

  test('makes an indication, which the modules and protocols above get', async () => {
    const x = await listening();
    await indicate(x, 1);
    expect(x.order).toEqual([`upper status ${NAME}`, `protocol status ${NAME}`]);
    expect(x.s.t.findings()).toEqual([]);
  });

  test('what answers a request of a module is for nobody above it (ns-ndis-_ndis_status_indication)', async () => {
    const x = await listening();
    await fromMiniport(x, { DestinationHandle: x.filters[0].handle, RequestId: 4 });
    expect(x.order).toEqual([`lower status ${NAME}`, `upper status ${NAME}`]);
    x.order.length = 0;
    await fromMiniport(x, { DestinationHandle: x.s.bindings[0].handle, RequestId: 4 });
    expect(x.order).toHaveLength(3);
    expect(x.s.t.findings()).toEqual([]);
  });

  test.each([
    ['another source', (_x: FilterStack) => ({ SourceHandle: 5 })],
    ['a wrong header', () => ({ Header: { Type: 1, Revision: 1, Size: 112 } })],
    ['a destination that is none', () => ({ DestinationHandle: 99, RequestId: 1 })],
    ['a status that only NDIS indicates', () => ({ StatusCode: NDIS_STATUS_RESET_START })],
  ])('refuses %s with a finding, and nobody hears of it', async (_what, fields) => {
    const x = await listening(['only']);
    await indicate(x, 0, fields(x));
    expect(x.order).toEqual([]);
    expect(x.s.t.findings()).toEqual(['BAD_STATUS_INDICATION only']);
  });

  test('before NdisFSetAttributes and for a handle that is none it is a finding; in FilterDetach it is allowed', async () => {
    const x: FilterStack = await createFilterStack({}, ['only'], {
      filters: {
        only: {
          DetachHandler: ({ handle }: TestModule) =>
            x.filters[0].f.driver.ndis.NdisFIndicateStatus(handle, indication(handle)),
        },
      },
    });
    x.s.on.status = () => x.order.push('protocol status');
    const [{ f }] = x.filters;
    const module = x.s.adapter.filters[0];
    module.attributesSet = false;
    await indicate(x, 0);
    module.attributesSet = true;
    await indicate(x, 0, {}, 17);
    await x.s.t.run(() => f.driver.ndis.NdisFDeregisterFilterDriver(f.handle.value));
    expect(x.order.filter((line) => line.includes('status'))).toEqual(['protocol status']);
    expect(x.s.t.findings()).toEqual(['STATUS_BEFORE_ATTRIBUTES only', 'BAD_HANDLE only']);
  });
});
