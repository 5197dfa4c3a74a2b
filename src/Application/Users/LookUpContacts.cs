using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Finds the accounts of a list of phones. Bounded, and limited by the number of phones (<see cref="PhoneLookUps"/>):
/// it serves to find one's contacts, not to enumerate users. What is no phone in E.164 form is named, and does not keep
/// the others from being looked up.
/// </summary>
public static class LookUpContacts
{
    /// <summary>The most phones in one request.</summary>
    public const int PhonesMax = 200;

    /// <summary>The body of <c>POST /v1/contacts/lookup</c>.</summary>
    public sealed record Body
    {
        public IReadOnlyList<string?>? Phones { get; init; }
    }

    public sealed record Query(UserId Caller, Body Body) : IRequest<Result>;

    /// <param name="Matches">The phones with an account, in the order of the request.</param>
    /// <param name="Invalid">What is no phone in E.164 form, as it was sent, each once, in that order.</param>
    /// <summary>What was found. A phone in neither list has no account.</summary>
    public sealed record Result(IReadOnlyList<Match> Matches, IReadOnlyList<string> Invalid);

    /// <param name="Name">Null if the user has no name.</param>
    public sealed record Match(string Phone, Guid UserId, string? Name);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Body.Phones)
                .Must(phones => phones is { Count: > 0 and <= PhonesMax } && phones.All(phone => phone is not null))
                .WithMessage($"must be a list of 1 to {PhonesMax} phones.").OverridePropertyName("phones");
        }
    }

    internal sealed class Handler(PhoneLookUps lookUps, ProfileReader profiles) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var asked = request.Body.Phones!.Select(phone => phone!).Distinct().ToList();
            var phones = asked.FindAll(PhoneNumber.IsE164);
            var found = await lookUps.FindAsync(request.Caller, phones, cancellationToken);
            var names = await profiles.NamesAsync([.. found.Values.Distinct()], cancellationToken);
            return new Result(
                [
                    .. phones.Where(found.ContainsKey)
                        .Select(phone => new Match(phone, found[phone].Value, names[found[phone]])),
                ],
                asked.FindAll(phone => !PhoneNumber.IsE164(phone)));
        }
    }
}
