using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Sends text messages to phones.</summary>
public interface ISmsSender
{
    /// <summary>Sends a registration's code.</summary>
    /// <param name="registration">
    /// The registration's id. Equal for all attempts, so that a gateway can recognise a retry.
    /// </param>
    /// <param name="phone">In E.164 form.</param>
    /// <exception cref="RefusedException">
    /// The gateway did not accept the message (<see cref="Refusal.SmsUnavailable"/>).
    /// </exception>
    Task SendCodeAsync(Guid registration, string phone, string code, CancellationToken cancellationToken);
}
