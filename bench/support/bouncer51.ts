/** The bouncer as a protocol driver for NDIS 5.1: sends arrays of packets and gets each back by ProtocolReceivePacket. */

import {
  type Address,
  type DriverImports,
  defineDriver,
  MDL,
  NDIS_EVENT,
  NDIS_FLAGS_DONT_LOOPBACK,
  NDIS_PACKET,
  NDIS_REQUEST,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  type NDIS_STRING,
  NDIS50_PROTOCOL_CHARACTERISTICS,
  NdisRequestSetInformation,
  OID_GEN_CURRENT_PACKET_FILTER,
} from '../../src/machine/index.ts';
import type { BouncerControl, BouncerOptions } from './bouncer.ts';

/** Most frames in a batch. */
const CAPACITY = 64;
const PACKET_HEAD = NDIS_PACKET.offset['Private'] + 8;
const MDL_ADDRESS = MDL.offset.MappedSystemVa;

/** The driver, and how to use it. */
export function bouncer51(options: BouncerOptions) {
  const control: BouncerControl = {
    received: 0,
    run: () => {
      throw new Error('the protocol is not bound');
    },
  };
  const image = defineDriver((imports: DriverImports) => {
    const { ndis, ntoskrnl, memory } = imports;
    const { i32, u32 } = memory;
    const [protocol, status, result, handle, medium] = [1, 2, 3, 4, 5].map(() => imports.cell());
    const event = imports.data(NDIS_EVENT.size);
    const array = imports.data(CAPACITY * 8);
    const packets: Address[] = [];
    let final = 0;
    let pool: Address = 0;
    let left = 0;
    let batch = 1;
    let back = 0;

    const sendBatch = (): void => ndis.NdisSendPackets(handle.value, array, batch);
    const settled = async (given: number): Promise<number> => {
      if (given !== NDIS_STATUS_PENDING) return given;
      await ndis.NdisWaitEvent(event, 0);
      return final;
    };
    const complete = (_context: unknown, given: number): void => {
      final = given;
      ndis.NdisSetEvent(event);
    };
    const createPackets = (): void => {
      ndis.NdisAllocatePacketPool(status, result, CAPACITY, 32);
      pool = result.value;
      for (let i = 0; i < CAPACITY; i++) {
        const data = imports.data(options.frameLength);
        memory.u8.set(options.destination, data);
        memory.u8.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], data + 6);
        ndis.NdisAllocatePacket(status, result, pool);
        const packet = result.value;
        ndis.NdisAllocateBuffer(status, result, 0, data, options.frameLength);
        ndis.NdisChainBufferAtBack(packet, result.value);
        // Else a promiscuous sender gets its own packets back from NDIS.
        ndis.NdisSetPacketFlags(packet, NDIS_FLAGS_DONT_LOOPBACK);
        packets.push(packet);
        memory.writePointer(array + i * 8, packet);
      }
    };
    const bind = async (at: Address, _context: Address, name: NDIS_STRING): Promise<void> => {
      ndis.NdisInitializeEvent(event);
      ndis.NdisOpenAdapter(
        status,
        result,
        handle,
        medium,
        medium.address,
        1,
        protocol.value,
        {},
        name.address,
        0,
        0,
      );
      const opened = await settled(u32[status.address >> 2]);
      u32[at >> 2] = opened;
      if (opened !== NDIS_STATUS_SUCCESS) return;
      createPackets();
      const filter = imports.data(16);
      u32[filter >> 2] = options.filter;
      const request = imports.data(NDIS_REQUEST.size);
      NDIS_REQUEST.fill(memory, request, {
        RequestType: NdisRequestSetInformation,
        DATA: {
          SET_INFORMATION: {
            Oid: OID_GEN_CURRENT_PACKET_FILTER,
            InformationBuffer: filter,
            InformationBufferLength: 4,
          },
        },
      });
      ndis.NdisResetEvent(event);
      await ndis.NdisRequest(status, handle.value, request);
      u32[at >> 2] = await settled(u32[status.address >> 2]);
    };
    const unbind = async (at: Address): Promise<void> => {
      ndis.NdisResetEvent(event);
      await ndis.NdisCloseAdapter(status, handle.value);
      await settled(u32[status.address >> 2]);
      for (const packet of packets) {
        ndis.NdisFreeBuffer(ndis.NDIS_PACKET_FIRST_NDIS_BUFFER(packet));
        ndis.NdisFreePacket(packet);
      }
      ndis.NdisFreePacketPool(pool);
      u32[at >> 2] = NDIS_STATUS_SUCCESS;
    };
    control.run = (rounds, size) => {
      left = rounds;
      batch = size;
      const irql = ntoskrnl.KeRaiseIrqlToDpcLevel();
      sendBatch();
      ntoskrnl.KeLowerIrql(irql);
      if (left !== 0) throw new Error(`${left} of ${rounds} rounds did not come back`);
    };
    return {
      async DriverEntry(DriverObject) {
        DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocol(status, protocol.value);
        const length = NDIS50_PROTOCOL_CHARACTERISTICS.size;
        const characteristics = {
          MajorNdisVersion: 5,
          MinorNdisVersion: 1,
          Name: 'bouncer',
          BindAdapterHandler: bind,
          UnbindAdapterHandler: unbind,
          OpenAdapterCompleteHandler: complete,
          CloseAdapterCompleteHandler: complete,
          RequestCompleteHandler: (context: unknown, _request: Address, given: number) =>
            complete(context, given),
          SendCompleteHandler: () => {},
          ReceivePacketHandler: (_context: unknown, packet: Address) => {
            const mdl = i32[(packet + PACKET_HEAD) >> 2];
            if (i32[(i32[(mdl + MDL_ADDRESS) >> 2] + 12) >> 2] !== 0) control.received++;
            back++;
            return 0;
          },
          ReceiveCompleteHandler: () => {
            if (back < batch) return;
            back = 0;
            if (--left > 0) sendBatch();
          },
        };
        await ndis.NdisRegisterProtocol(status, protocol, characteristics, length);
        return u32[status.address >> 2];
      },
    };
  });
  return { image, control };
}
