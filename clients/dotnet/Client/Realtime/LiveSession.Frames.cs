using System.Text.Json;
using ChatCqrs.Client.Http;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Client.Realtime;

/// <content>The server's frames.</content>
internal sealed partial class LiveSession
{
    private volatile bool _caughtUp;
    private bool _live;

    private async Task<SessionEnd> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_gate)
                _listening = true;
            var read = await _socket.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            lock (_gate)
            {
                _listening = false;
                _heartbeat.Heard(Now);
            }

            if (read.IsClosed)
                return new SessionEnd(read.CloseCode);
            _shared.Confirmations.Heard(Now);
            using var frame = JsonDocument.Parse(read.Frame);
            await TakeAsync(frame.RootElement, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask TakeAsync(JsonElement frame, CancellationToken cancellationToken)
    {
        switch (frame.GetProperty("op").GetString())
        {
            case "welcome":
                await WelcomeAsync(frame.Deserialize(WireJson.Default.WelcomeFrame)!, cancellationToken)
                    .ConfigureAwait(false);
                break;
            case "message":
                await MessageAsync(frame.Deserialize(WireJson.Default.ChatMessage)!, cancellationToken)
                    .ConfigureAwait(false);
                break;
            case "update":
                await EntryAsync(frame.Deserialize(WireJson.Default.ConversationUpdated)!, cancellationToken)
                    .ConfigureAwait(false);
                break;
            case "ack":
                await AckAsync(frame.Deserialize(WireJson.Default.AckFrame)!, cancellationToken).ConfigureAwait(false);
                break;
            case "synced":
                await SyncedAsync(cancellationToken).ConfigureAwait(false);
                break;
            case "reset":
                Reset(frame.Deserialize(WireJson.Default.ResetFrame)!);
                break;
            case "error":
                await ErrorAsync(frame.Deserialize(WireJson.Default.ErrorFrame)!, cancellationToken)
                    .ConfigureAwait(false);
                break;
            case "pong":
                if (frame.GetProperty("id").GetString() == $"ping-{_readsArrivedWith}")
                    _shared.Confirmations.Arrived(Now);
                break;
            case "authenticated":
                Authenticated();
                break;
            case "receipt":
                _shared.Hub.Tell(frame.Deserialize(WireJson.Default.ReceiptReceived)!);
                break;
            case "typing":
                _shared.Hub.Tell(frame.Deserialize(WireJson.Default.TypingReceived)!);
                break;
            case "presence":
                _shared.Hub.Tell(frame.Deserialize(WireJson.Default.PresenceReceived)!);
                break;
            case "account":
                _shared.Hub.Tell(new AccountChanged(frame.GetProperty("kind").GetString() ?? "", frame.Clone()));
                break;
        }
    }

    private async ValueTask WelcomeAsync(WelcomeFrame welcome, CancellationToken cancellationToken)
    {
        _authenticateAt = AuthenticateAfter(
            welcome.ExpiresAt is { } end ? end - welcome.ServerTime : _shared.Rest.Tokens.Left);
        if (welcome.Incarnation is { } incarnation)
            await DoubtAsync(incarnation, cancellationToken).ConfigureAwait(false);
        _welcomed = true;
        _became(ClientStatus.CatchingUp);
        _signal.Set();
    }

    private async ValueTask MessageAsync(ChatMessage message, CancellationToken cancellationToken)
    {
        // One's own comes as a message where its answer was lost.
        await _shared.Outbox.AckedAsync(
            message.MessageId, new Acknowledgement(message.ConversationId, message.Seq, message.SentAt))
            .ConfigureAwait(false);
        await EntryAsync(new MessageReceived(message), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// An ack stands in for the message itself, in its place. The answer to a retry may come at any time: then the
    /// message comes in its place, too.
    /// </summary>
    private async ValueTask AckAsync(AckFrame ack, CancellationToken cancellationToken)
    {
        var sent = await _shared.Outbox.AckedAsync(
            ack.MessageId, new Acknowledgement(ack.ConversationId, ack.Seq, ack.SentAt))
            .ConfigureAwait(false);
        var knows = _shared.Positions.Knows(ack.ConversationId);
        if (!(knows || _caughtUp) || _shared.Positions.Look(ack.ConversationId, ack.Seq) != Place.Next)
            return;
        if (sent is null || _shared.Rest.Tokens.Account is not { } account)
            return;
        await EntryAsync(
            new MessageReceived(new ChatMessage
            {
                MessageId = ack.MessageId,
                ConversationId = ack.ConversationId,
                Seq = ack.Seq,
                SenderId = account.UserId,
                SenderDeviceId = account.DeviceId,
                Type = sent.Content.Type,
                Text = sent.Content.Text,
                MediaObject = sent.Content.MediaObject,
                Document = sent.Content.Document,
                ReplyTo = sent.ReplyTo,
                Ciphertext = sent.Content.Ciphertext,
                SentAt = ack.SentAt,
            }),
            cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask EntryAsync(ConversationEntry entry, CancellationToken cancellationToken)
    {
        var (conversation, seq) = (entry.ConversationId, entry.Seq);
        switch (_shared.Positions.Look(conversation, seq))
        {
            case Place.Known:
                if (_shared.Positions.TakenOf(conversation) >= seq)
                    _shared.Confirmations.Delivered(conversation, seq); // The server does not know that it was taken.
                break;
            case Place.Ahead:
                _signal.Set();
                break;
            case Place.Next:
                var before = _shared.Positions.Knows(conversation);
                _shared.Positions.HandedOver(conversation, seq);
                if (!await _shared.Hub.OfferAsync(entry, () => Taken(conversation, seq), cancellationToken)
                    .ConfigureAwait(false))
                    _shared.Positions.TakeBack(conversation, before ? seq - 1 : null, seq);
                break;
        }
    }

    private void Taken(Guid conversation, long seq)
    {
        if (!_shared.Positions.WasTaken(conversation, seq))
            return;
        _shared.Confirmations.Delivered(conversation, seq);
        _signal.Set();
    }

    private void Reset(ResetFrame reset)
    {
        _shared.Logger.LogWarning(
            "The server has lost entries of {Conversation} after {Seq}.", reset.ConversationId, reset.LastSeq);
        _shared.Positions.Reset(reset.ConversationId, reset.LastSeq);
        _shared.Confirmations.Reset(reset.ConversationId);
        _shared.Hub.Tell(new ConversationReset(reset.ConversationId, reset.LastSeq));
    }

    private async ValueTask ErrorAsync(ErrorFrame error, CancellationToken cancellationToken)
    {
        var refusal = ChatException.Of(error.Problem);
        if (error.Ref is { } reference && SyncRefused(reference, refusal))
        {
            await SettleAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        if (error.Ref is { } receipt && ReceiptRefused(receipt, refusal))
            return;
        if (Guid.TryParse(error.Ref, out var message)
            && await _shared.Outbox.RefusedAsync(message, refusal).ConfigureAwait(false))
            return;
        _shared.Logger.LogInformation(
            "The server refused a frame: {Code}, trace {TraceId}.", refusal.Code, refusal.TraceId);
    }

    private async ValueTask LiveIfCaughtUpAsync(CancellationToken cancellationToken)
    {
        if (_live || !_caughtUp || IsInDoubt)
            return;
        _live = true;
        _became(ClientStatus.Live);
        await _shared.Hub.OfferAsync(new CaughtUp(), () => { }, cancellationToken).ConfigureAwait(false);
    }
}
