using ChatCqrs.Domain;

namespace ChatCqrs.Application.Retention;

/// <summary>Limits how often one conversation changes its retention.</summary>
public interface IRetentionRate
{
    /// <summary>Counts one change, asked for by somebody who may make it.</summary>
    /// <exception cref="RefusedException">The conversation has changed it too often.</exception>
    void Take(ConversationId conversation);
}
