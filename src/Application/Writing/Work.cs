using System.Diagnostics;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Writing;

/// <summary>A command that waits for its conversation, and the promise of its answer.</summary>
internal abstract class Work(ConversationId conversation, Origin origin)
{
    public ConversationId Conversation { get; } = conversation;
    public Origin Origin { get; } = origin;

    /// <summary>The request it is done for, when somebody samples that; null otherwise.</summary>
    public Activity? Request { get; } = Telemetry.Sampled;

    /// <summary>Whether it was decided against a state that was read after the command came; a refusal from an older one is not final.</summary>
    public bool Fresh { get; set; }

    /// <summary>How often another node wrote first.</summary>
    public int Conflicts { get; set; }

    /// <summary>The size of what somebody wants to have said, in bytes.</summary>
    public virtual int Size => 0;

    public abstract void Fail(Exception exception);
}

internal abstract class Work<TAnswer>(ConversationId conversation, Origin origin) : Work(conversation, origin)
{
    private readonly TaskCompletionSource<TAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<TAnswer> Answer => _answer.Task;

    public void Complete(TAnswer answer) => _answer.TrySetResult(answer);
    public override void Fail(Exception exception) => _answer.TrySetException(exception);
}

internal sealed class ChangeWork(ConversationId conversation, ConversationCommand command, Origin origin)
    : Work<Changed>(conversation, origin)
{
    public ConversationCommand Command { get; } = command;

    /// <summary>What was decided last.</summary>
    public IReadOnlyList<ConversationEvent> Decided { get; set; } = [];
}

internal sealed class SendWork(ConversationId conversation, ConversationCommand.SendMessage command, Origin origin, SealedFor sealedFor)
    : Work<Sent>(conversation, origin)
{
    private SealedFor _sealedFor = sealedFor;

    public ConversationCommand.SendMessage Command { get; private set; } = command;

    public override int Size { get; } = command.Content.Bytes.Length; // As it came: it may be sealed again.

    /// <summary>Whether it was sealed for another time than the conversation keeps it.</summary>
    public bool NeedsSealing(RetentionPolicy policy) =>
        _sealedFor.Sealer is not null && !ReferenceEquals(_sealedFor.Policy, policy) && _sealedFor.Policy != policy;

    /// <summary>Why it could not be sealed again: its sender was erased meanwhile. Others who wait for the conversation have nothing to do with it.</summary>
    public RefusedException? Unsealable { get; private set; }

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

    /// <summary>What a look-up by id found; null before one.</summary>
    public LookedUp? LookedUp { get; set; }
}

/// <param name="Earlier">The message accepted under this id; null for none.</param>
/// <param name="Through">
/// The last entry that the look-up knows of; what came later must be in the conversation's window. So it holds for as long as a message stays there,
/// although others go on writing.
/// </param>
internal sealed record LookedUp(Ports.SentMessage? Earlier, long Through);

internal sealed class AcknowledgeWork(ConversationId conversation, ReceiptCommand command, Origin origin)
    : Work<LogPosition>(conversation, origin)
{
    public ReceiptCommand Command { get; } = command;
}

internal sealed class PeekWork(ConversationId conversation) : Work<Conversation>(conversation, default);
