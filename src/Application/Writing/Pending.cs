using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Writing;

/// <summary>A request that waits for its conversation, and the promise of its answer.</summary>
internal abstract class Pending(ConversationId conversation, Origin origin)
{
    public ConversationId Conversation { get; } = conversation;

    public Origin Origin { get; } = origin;

    /// <summary>The trace of the request, when somebody samples it; null otherwise.</summary>
    public Activity? Sampled { get; } = Telemetry.Sampled;

    /// <summary>
    /// The place in the conversation's order of arrival; set by <see cref="CachedConversation.Enqueue"/>.
    /// </summary>
    public long Arrival { get; set; }

    /// <summary>
    /// Whether the conversation was read after the request arrived. A refusal by an older state is not final.
    /// </summary>
    public bool IsReadSince { get; set; }

    /// <summary>How often another node wrote first.</summary>
    public int Conflicts { get; set; }

    /// <summary>The size of its sealed content, in bytes.</summary>
    public virtual int Size => 0;

    public abstract void Fail(Exception exception);
}

internal abstract class Pending<TAnswer>(ConversationId conversation, Origin origin) : Pending(conversation, origin)
{
    private readonly TaskCompletionSource<TAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<TAnswer> Answer => _answer.Task;

    public void Complete(TAnswer answer) => _answer.TrySetResult(answer);

    public override void Fail(Exception exception) => _answer.TrySetException(exception);
}

internal sealed class PendingChange(ConversationId conversation, ConversationCommand command, Origin origin)
    : Pending<Changed>(conversation, origin)
{
    public ConversationCommand Command { get; } = command;

    /// <summary>The events of the last decision.</summary>
    public IReadOnlyList<ConversationEvent> Decided { get; set; } = [];
}

internal sealed class PendingSend(
    ConversationId conversation, ConversationCommand.SendMessage command, Origin origin, SealedFor sealedFor,
    Task<bool>? maySend = null)
    : Pending<Sent>(conversation, origin)
{
    private SealedFor _sealedFor = sealedFor;

    public ConversationCommand.SendMessage Command { get; private set; } = command;

    public override int Size { get; } = command.Content.Bytes.Length; // As it arrived: it may be sealed again.

    /// <summary>Whether its files are the sender's to send; null without files.</summary>
    public Task<bool>? MaySend { get; } = maySend;

    /// <summary>Whether the end of <see cref="MaySend"/> is awaited already.</summary>
    public bool IsAwaited { get; set; }

    /// <summary>What a look-up by id found; null before one.</summary>
    public LookedUp? LookedUp { get; set; }

    /// <summary>The claim of its id, see <see cref="SentIds"/>; null before one.</summary>
    public long? Claim { get; set; }

    /// <summary>Why it could not be sealed again: its sender was erased meanwhile. Null otherwise.</summary>
    public RefusedException? Unsealable { get; private set; }

    /// <summary>Whether it was sealed for another retention than the conversation's.</summary>
    public bool NeedsSealing(RetentionPolicy policy) =>
        _sealedFor.Sealer is not null && !ReferenceEquals(_sealedFor.Policy, policy) && _sealedFor.Policy != policy;

    public async Task SealAsync(RetentionPolicy policy)
    {
        try
        {
            Command = await _sealedFor.Sealer!.SealAgainAsync(_sealedFor.Request, Conversation, Command, policy);
        }
        catch (RefusedException refused)
        {
            Unsealable = refused;
        }

        _sealedFor = _sealedFor with { Policy = policy };
    }
}

/// <summary>The answer of the read side for one message id.</summary>
/// <param name="Earlier">The sender's message under this id, in any conversation; null for none.</param>
/// <param name="IsOfAnother">Whether another sender has used the id in the conversation.</param>
/// <param name="Through">
/// The last entry that the look-up covers. Later messages must be in the conversation's window, so the answer holds for
/// as long as the first of them stays there, however fast others write.
/// </param>
internal sealed record LookedUp(SentMessage? Earlier, bool IsOfAnother, long Through);

internal sealed class PendingReceipt(ConversationId conversation, ReceiptCommand command, Origin origin)
    : Pending<LogPosition>(conversation, origin)
{
    public ReceiptCommand Command { get; } = command;
}

internal sealed class PendingPeek(ConversationId conversation) : Pending<Conversation>(conversation, default);
