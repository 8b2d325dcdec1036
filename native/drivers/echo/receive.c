/*
 * The data path of echo: what is received is answered, and the answers are sent.
 * See "Receiving Network Data" and "Sending Data from a Protocol Driver" (network).
 */
#include "echo.h"

#include "../support/frames.h"

/* Answers that may be with NDIS at a time; what comes beyond gets no answer. */
#define ANSWERS 256

BOOLEAN EchoPrepareAnswers(PECHO_BINDING Binding)
{
    ULONG Size;

    /* Headers behind a multiple of four begin where the protocols like them best. */
    Binding->AnswerOffset = (Binding->Base.DataBackFillSize + 3) & ~3u;
    /* A peer may send frames that are longer by a tag which somebody below us took out. */
    Size = Binding->AnswerOffset + Binding->Base.MtuSize + ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH;
    if (!FrameListsCreate(&Binding->Answers, Binding->Base.Handle, ECHO_TAG, ANSWERS, Size))
        return FALSE;
    Binding->Scratch =
        NdisAllocateMemoryWithTagPriority(Binding->Base.Handle, Binding->Answers.BufferSize, ECHO_TAG, NormalPoolPriority);
    if (Binding->Scratch != NULL)
        return TRUE;
    FrameListsDestroy(&Binding->Answers);
    return FALSE;
}

VOID EchoFreeAnswers(PECHO_BINDING Binding)
{
    FrameListsDestroy(&Binding->Answers);
    if (Binding->Scratch != NULL)
        NdisFreeMemory(Binding->Scratch, 0, 0);
    Binding->Scratch = NULL;
}

/* A list with the answer to one frame, or NULL. The caller holds the lock. */
static PNET_BUFFER_LIST AnswerFrame(PECHO_BINDING Binding, PNET_BUFFER_LIST Source, PNET_BUFFER Buffer)
{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO Checksum;
    ULONG Length = NET_BUFFER_DATA_LENGTH(Buffer);
    ECHO_OUTCOME Outcome = EchoDropped;
    PNET_BUFFER_LIST Answer = NULL;
    ULONG Answered = 0;
    PUCHAR Frame;

    if (Binding->AnswerOffset + Length <= Binding->Answers.BufferSize) {
        Frame = FrameData(Buffer, Binding->Scratch);
        Answer = FrameListsTake(&Binding->Answers);
        Checksum.Value = NET_BUFFER_LIST_INFO(Source, TcpIpChecksumNetBufferListInfo);
        if (Frame != NULL && Answer != NULL) {
            Answered = EchoAnswer(
                &Binding->Responder,
                Frame,
                Length,
                FrameListsBuffer(Answer) + Binding->AnswerOffset,
                (BOOLEAN)Checksum.Receive.UdpChecksumSucceeded,
                &Outcome);
        }
    }
    Binding->Counters[Outcome]++;
    if (Answered == 0) {
        if (Answer != NULL)
            FrameListsGive(&Binding->Answers, Answer);
        return NULL;
    }
    FrameListsSetFrame(Answer, Binding->AnswerOffset, Answered);
    Answer->SourceHandle = Binding->Base.Handle;
    /* What came in with a VLAN tag goes back with it. */
    NET_BUFFER_LIST_INFO(Answer, Ieee8021QNetBufferListInfo) = NET_BUFFER_LIST_INFO(Source, Ieee8021QNetBufferListInfo);
    return Answer;
}

/* Answers every frame of a chain; gives the chain of answers and their count. */
static PNET_BUFFER_LIST AnswerLists(PECHO_BINDING Binding, PNET_BUFFER_LIST Lists, PULONG Count)
{
    PNET_BUFFER_LIST First = NULL;
    PNET_BUFFER_LIST Last = NULL;
    PNET_BUFFER_LIST List;
    PNET_BUFFER Buffer;

    *Count = 0;
    NdisAcquireSpinLock(&Binding->Lock);
    for (List = Lists; List != NULL; List = NET_BUFFER_LIST_NEXT_NBL(List)) {
        for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
            PNET_BUFFER_LIST Answer = AnswerFrame(Binding, List, Buffer);

            if (Answer == NULL)
                continue;
            if (First == NULL)
                First = Answer;
            else
                NET_BUFFER_LIST_NEXT_NBL(Last) = Answer;
            Last = Answer;
            ++*Count;
        }
    }
    NdisReleaseSpinLock(&Binding->Lock);
    return First;
}

/* Gives answers back that were not sent, or have been. */
static ULONG TakeBack(PECHO_BINDING Binding, PNET_BUFFER_LIST Lists)
{
    PNET_BUFFER_LIST List;
    ULONG Count = 0;

    NdisAcquireSpinLock(&Binding->Lock);
    while ((List = Lists) != NULL) {
        Lists = NET_BUFFER_LIST_NEXT_NBL(List);
        if (NET_BUFFER_LIST_STATUS(List) != NDIS_STATUS_SUCCESS)
            Binding->SendErrors++;
        FrameListsGive(&Binding->Answers, List);
        Count++;
    }
    NdisReleaseSpinLock(&Binding->Lock);
    return Count;
}

_Use_decl_annotations_
VOID EchoReceiveNetBufferLists(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_BUFFER_LIST NetBufferLists,
    NDIS_PORT_NUMBER PortNumber,
    ULONG NumberOfNetBufferLists,
    ULONG ReceiveFlags)
{
    PECHO_BINDING Binding = ProtocolBindingContext;
    BOOLEAN Dispatch = (ReceiveFlags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL) != 0;
    PNET_BUFFER_LIST Answers = NULL;
    ULONG Count = 0;

    UNREFERENCED_PARAMETER(PortNumber);
    UNREFERENCED_PARAMETER(NumberOfNetBufferLists);
    if (Binding->Base.Running)
        Answers = AnswerLists(Binding, NetBufferLists, &Count);
    /* With the flag RESOURCES the lists are the miniport's again as soon as we return. */
    if ((ReceiveFlags & NDIS_RECEIVE_FLAGS_RESOURCES) == 0)
        NdisReturnNetBufferLists(Binding->Base.Handle, NetBufferLists, Dispatch ? NDIS_RETURN_FLAGS_DISPATCH_LEVEL : 0);
    if (Answers == NULL)
        return;
    if (BindingAcquireSends(&Binding->Base, Count)) {
        NdisSendNetBufferLists(
            Binding->Base.Handle, Answers, NDIS_DEFAULT_PORT_NUMBER, Dispatch ? NDIS_SEND_FLAGS_DISPATCH_LEVEL : 0);
    } else {
        TakeBack(Binding, Answers);
    }
}

_Use_decl_annotations_
VOID EchoSendNetBufferListsComplete(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_BUFFER_LIST NetBufferList,
    ULONG SendCompleteFlags)
{
    PECHO_BINDING Binding = ProtocolBindingContext;

    UNREFERENCED_PARAMETER(SendCompleteFlags);
    BindingReleaseSends(&Binding->Base, TakeBack(Binding, NetBufferList));
}
